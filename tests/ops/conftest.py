"""A follower that serves its metrics, as Prometheus sees it."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests import oracle
from tests.harness import Program, row, until


class Follower:
    """`run --follow --metrics-port` on a server of its own, after three files."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.zone = program.directory / "landing_zone"
        for directory in ("landing_zone", "checkpoints"):
            (program.directory / directory).mkdir()
        self.process = program.start("run", "--follow", "--metrics-port", "0", LOG_FORMAT="json")
        assert self.process.stderr is not None
        self.first_line = self.process.stderr.readline()
        self.url = self.first_line.partition('"url": "')[2].partition("/metrics")[0]

    def page(self, path: str) -> tuple[int, str]:
        """Return status and text of a page."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def samples(self) -> dict[str, float]:
        """Return each sample that is served, by its name with labels."""
        lines = self.page("/metrics")[1].splitlines()
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if not line.startswith("#")
        }

    def drop(self, name: str, content: str) -> None:
        """Rename a file into the landing zone."""
        hidden = self.zone / f".{name}"
        hidden.write_text(content)
        hidden.rename(self.zone / name)


@pytest.fixture(scope="package")
def follower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    """A follower that counted one file and rejected another."""
    program = Program(
        tmp_path_factory.mktemp("follower"),
        {"REDIS_DIR": "redis", "RECONCILE_SECONDS": "1", "SETTLE_SECONDS": "0.2", "ARCHIVE": "on"},
    )
    try:
        made = Follower(program)
        assert made.page("/readyz") == (
            503,
            "not following yet: it starts, or waits for what the log names\n",
        )
        until(lambda: made.page("/readyz")[0] == 200, 120, what="following")
        made.drop("a.csv", oracle.text([row(1), row(2), row(1), row(3, "-1")]))
        made.drop("bad.csv", "a,b\n1,2\n")
        counted = 'city_features_files_total{outcome="ingested"}'
        rejected = 'city_features_files_total{outcome="rejected"}'
        until(lambda: (s := made.samples())[counted] and s[rejected], 60, what="two files")
        yield made
    finally:
        program("redis", "stop")
        program.end()
