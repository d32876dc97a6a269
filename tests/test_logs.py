"""Every line of the log names its run, also those of other threads."""

import json
import threading
from collections.abc import Iterator

import pytest
import structlog

from streaming import logs
from streaming.settings import load


def lines(capsys: pytest.CaptureFixture[str], **settings: object) -> list[dict[str, object]]:
    logs.configure(load(_env_file=None, log_format="json", **settings))
    log = structlog.get_logger()
    log.info("here", file="a.csv")
    thread = threading.Thread(target=lambda: log.warning("elsewhere", rows=2))
    thread.start()
    thread.join()
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.fixture(autouse=True)
def run_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("RUN_ID", raising=False)
    yield


def test_every_line_has_the_id_of_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = lines(capsys)
    assert (first["event"], first["file"], second["event"]) == ("here", "a.csv", "elsewhere")
    assert first["run"] == second["run"]
    assert len(str(first["run"])) == 8


def test_two_runs_have_two_ids(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys)[0]["run"] != lines(capsys)[0]["run"]


def test_who_starts_a_run_may_name_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_ID", "scheduled__2026-11-26T00:00:00+00:00")
    assert {line["run"] for line in lines(capsys)} == {"scheduled__2026-11-26T00:00:00+00:00"}
