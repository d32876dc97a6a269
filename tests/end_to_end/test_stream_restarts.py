"""Whatever ends the stream or becomes of its checkpoint, following goes on and counts nothing twice."""

import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyspark.sql import SparkSession
from structlog.testing import capture_logs

from streaming.domain.file import File
from streaming.pipeline import query
from streaming.pipeline.ingest import Ingest
from streaming.pipeline.pipe import Pipe
from tests.harness import Service, following, row, until

SOURCE = "pyspark.sql.streaming.python_streaming_source_runner"
WAIT = 60.0


def counted(service: Service, *names: str) -> None:
    """Wait until Redis has a record of these files."""
    until(lambda: set(names) <= service.records().keys(), WAIT, what=str(names))


def kill_source() -> None:
    """Kill every process that reads a stream: daemon and reader, as the machine does without memory."""
    for process in psutil.Process().children(recursive=True):
        if SOURCE in process.cmdline():
            process.kill()


def test_following_goes_on_after_the_sources_process_is_killed(
    spark: SparkSession, service: Service
) -> None:
    contents = [service.put("before.csv", [row(1), row(2)])]
    with capture_logs() as logs, following(spark, service.settings, service.store()) as outcomes:
        counted(service, "before.csv")

        kill_source()
        until(lambda: "waiting, then trying again" in events(logs), WAIT, what="the failure")
        contents += [service.put(f"{n}.csv", [row(n), row(n + 1)]) for n in range(3)]
        counted(service, "0.csv", "1.csv", "2.csv")
        until(lambda: "going on" in events(logs), WAIT, what="another stream")
        contents.append(service.put("after.csv", [row(9)]))
        counted(service, "after.csv")

    assert len(outcomes) == len(contents)
    service.holds(*contents)


def test_a_batch_that_fails_unforeseen_is_tried_by_another_stream(
    spark: SparkSession, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest, failed = Ingest.__call__, []

    def fail_once(self: Ingest, batch: Iterable[File]) -> Any:
        if not failed:
            failed.append(batch)
            raise ZeroDivisionError("nobody foresaw this")
        return ingest(self, batch)

    with capture_logs() as logs, following(spark, service.settings, service.store()) as outcomes:
        monkeypatch.setattr(Ingest, "__call__", fail_once)
        content = service.put("a.csv", [row(1), row(2)])
        counted(service, "a.csv")

    assert len(failed) == len(outcomes) == 1
    assert "waiting, then trying again" in events(logs)
    service.holds(content)


def test_following_takes_over_a_checkpoint_of_sparks_file_source(
    spark: SparkSession, service: Service
) -> None:
    contents = [service.put("old.csv", [row(1)])]
    service.run("follow")  # as versions before 2 followed, too

    with following(spark, service.settings, service.store()) as outcomes:
        contents.append(service.put("new.csv", [row(1), row(2)]))
        counted(service, "new.csv")

    assert [outcome.file for outcome in outcomes] == ["new.csv"]
    service.holds(*contents)


@pytest.mark.parametrize("fate", ["deleted", "restored"])
def test_following_counts_nothing_twice_whatever_became_of_its_checkpoint(
    spark: SparkSession, service: Service, tmp_path: Path, fate: str
) -> None:
    checkpoint = service.settings.checkpoints / "follow"
    contents = [service.put("0.csv", [row(0), row(1)])]
    for number in (1, 2, 3):
        with following(spark, service.settings, service.store()):
            contents.append(service.put(f"{number}.csv", [row(number), row(number + 1)]))
            counted(service, f"{number}.csv")
        if number == 1:
            shutil.copytree(checkpoint, tmp_path / "earlier")
        if number == 2:
            shutil.rmtree(checkpoint)
            if fate == "restored":
                shutil.copytree(tmp_path / "earlier", checkpoint)

    service.holds(*contents)


def test_thousands_of_files_at_once_are_counted_in_bounded_batches(
    spark: SparkSession, service: Service
) -> None:
    settings = service.settings.model_copy(update={"max_files_per_trigger": 500})
    with following(spark, settings, service.store()):
        contents = [service.put(f"{n:04}.csv", [row(n), row(n + 1)]) for n in range(2000)]
        until(lambda: len(service.records()) == len(contents), WAIT, what="all files")

    versions = [record["version"] for record in service.records().values()]
    assert max(versions.count(version) for version in set(versions)) <= 500
    service.holds(*contents)


def test_available_now_hands_over_what_there_is_and_ends(spark: SparkSession, tmp_path: Path) -> None:
    answers = iter([[File(1, "a.csv", 1), File(2, "b.csv", 2)], [File(3, "c.csv", 3)], None])
    batches: list[list[tuple[str, int, int]]] = []
    with closing(Pipe(lambda: next(answers), pytest.fail)) as pipe:
        running = query.discovered(
            spark,
            pipe.address,
            tmp_path / "checkpoint",
            lambda rows, _: batches.append(sorted(map(tuple, rows.collect()))),
            follow=False,
        )
        assert running is not None
        assert running.awaitTermination(int(WAIT))

    assert running.exception() is None
    assert batches == [[("a.csv", 1, 1), ("b.csv", 2, 2)], [("c.csv", 3, 3)]]


def events(logs: list[Any]) -> list[str]:
    return [entry["event"] for entry in logs]
