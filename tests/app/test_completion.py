"""What the shell completes: exactly, quickly, and silently where nothing can be found."""

import socket
import time
from pathlib import Path

import pytest

from streaming.landing import quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.settings import Settings
from streaming.store.store import Store
from tests.inside import Inside


def completed(line: str, shell: str = "bash", **environment: str) -> list[str]:
    """Return what completes the last word of a command line."""
    number = str(2 if " show " in line or " quarantine " in line else 1)
    words = {"COMP_WORDS": line, "COMP_CWORD": number}
    done = Inside(Path.cwd(), {"_CITY_FEATURES_COMPLETE": f"complete_{shell}"})(
        **(
            words
            if shell == "bash"
            else {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        ),
        **environment,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@pytest.fixture
def environment(settings: Settings, server_url: str, store: Store) -> dict[str, str]:
    """A Redis with features of some cities, and what else is there."""
    for name in ("São Paulo", "São Paulo/SP", "Sabará", "Natal", "ingest:files"):
        store.client.hset(name, "quantidade_empresas", 1)
    return {"REDIS_URL": server_url, "LANDING_ZONE": str(settings.landing_zone)}


def test_a_city_is_completed_without_its_accents_and_as_bash_needs_it(
    environment: dict[str, str],
) -> None:
    assert completed("city-features show sao", **environment) == [r"São\ Paulo", r"São\ Paulo/SP"]
    assert completed("city-features show inges", **environment) == []  # keys of ours are no cities
    assert completed("city-features show SÃO", **environment) == [r"São\ Paulo", r"São\ Paulo/SP"]


@pytest.mark.parametrize(("shell", "word"), [("bash", '"São'), ("fish", "sa"), ("bash", r"São\ P")])
def test_quotes_are_for_words_without_quotes_in_bash_alone(
    environment: dict[str, str], shell: str, word: str
) -> None:
    names = completed(f"city-features show {word}", shell, **environment)

    expected = ["São Paulo", "São Paulo/SP"]
    if shell == "fish":
        expected.insert(0, "Sabará")
    if "\\" in word:
        expected = [name.replace(" ", r"\ ") for name in expected]
    assert names == expected


def test_files_with_rejected_rows_are_completed(environment: dict[str, str], settings: Settings) -> None:
    for file in ("novas.csv", "novas-2.csv", "outras.csv"):
        quarantine.write(LocalFolder(settings.quarantine_dir), file, [("reason", "row")])

    assert completed("city-features quarantine nov", **environment) == ["novas-2.csv", "novas.csv"]


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "redis://127.0.0.1:1/?x=y", "nonsense"])
def test_a_redis_that_does_not_answer_is_no_error(url: str) -> None:
    assert completed("city-features show N", REDIS_URL=url) == []


def test_a_redis_that_accepts_and_says_nothing_is_waited_for_shortly() -> None:
    began = time.monotonic()
    assert completed("city-features --vers") == ["--version"]
    seconds = time.monotonic() - began

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert completed("city-features show N", REDIS_URL=url) == []

    assert time.monotonic() - began < min(25, 2 * seconds + 5)  # the client itself waits for 30


def test_completing_starts_no_server(tmp_path: Path) -> None:
    assert completed("city-features show N", REDIS_DIR=str(tmp_path / "redis")) == []
    commands = completed("city-features s", REDIS_DIR=str(tmp_path / "redis"))
    assert sorted(commands) == ["show", "status"]
    assert not (tmp_path / "redis").exists()
