"""The job `receita`: files of Receita Federal become files of the service, in the landing zone."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from streaming import scratch
from streaming.domain.results import Dropped, Receita
from streaming.errors import EnvironmentRefused
from streaming.jobs.drop import drop
from streaming.receita import names, writing
from streaming.receita.dates import Interval
from streaming.receita.establishments import Rules
from streaming.receita.names import Part
from streaming.receita.pieces import Piece, Pieces
from streaming.settings import Settings
from streaming.spark import jvm

if TYPE_CHECKING:  # loading PySpark takes longer than finding that a file is missing
    from pyspark.sql import SparkSession

ROWS = 500_000
"""In one file of the service, about; it has less than 30 MB then."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """Dates of opening (no `ate`: until the day of the files), and whether branches are asked for."""

    desde: date
    ate: date | None = None
    filiais: bool = False


def receita(settings: Settings, paths: Sequence[Path], asked: Asked, report: Report) -> Receita:
    """
    Read EMPRECSV and ESTABELE, join them, and drop the establishments asked for into the landing zone.

    The same files and dates give the same names and content, so a second call adds nothing. Spark runs
    on this machine, whatever its setting says: the files are here.

    Args:
        settings: of the service.
        paths: files and directories, plain or zipped.
        asked: which establishments.
        report: is told how far it is.

    Raises:
        EnvironmentRefused: files are missing, damaged, or of different days; there is no room to unpack
            them; the landing zone cannot be written.
        RunFailed: Spark failed; nothing was dropped.
    """
    parts = names.parts(paths)
    asked_rules = rules(parts[0], asked)
    directory = scratch.make()
    try:
        reading = Reading(parts, directory, report)
        with _spark(settings) as start, reading.cut() as cut:
            spark = start()  # while zips are unpacked
            cut()
            return reading.dropped(spark, settings, asked_rules)
    finally:
        scratch.remove(directory)


def rules(part: Part, asked: Asked) -> Rules:
    """
    Return the rules for files of a part's day.

    Raises:
        EnvironmentRefused: all dates asked for are after it.
    """
    published = names.token_date(part.token)
    until = asked.ate or published
    if asked.desde > until:
        raise EnvironmentRefused(
            f"the files are of {published}: nothing in them was opened on or after {asked.desde}"
        )
    return Rules(Interval(asked.desde, until, published), asked.filiais)


@contextmanager
def _spark(settings: Settings) -> Iterator[Callable[[], "SparkSession"]]:
    """Start a JVM, yield what waits for Spark in it, and end both."""
    starting = jvm.start()
    session_ = None
    try:

        def start() -> "SparkSession":
            nonlocal session_
            from streaming.spark import cluster, session

            here = settings
            if not cluster.is_local(settings.spark_master):
                here = settings.model_copy(update={"spark_master": "local[*]"})
            session_ = session.start(here, starting)
            return session_

        yield start
    finally:
        if session_ is not None:
            from streaming.spark import session

            session.stop(session_)
        starting.end()


class Reading:
    """
    One reading of files, with a temporary directory.

    Args:
        parts: of both kinds.
        directory: is filled.
        report: is told how far it is.

    """

    def __init__(self, parts: Sequence[Part], directory: Path, report: Report) -> None:
        self._token = parts[0].token
        self._directory = directory
        self._report = report
        for name in ("pieces", "records", "fragments"):
            (directory / name).mkdir()
        self._parts = parts
        self._cutter = Pieces(directory / "pieces", report)
        self._pieces: list[Piece] = []

    @contextmanager
    def cut(self) -> Iterator[Callable[[], None]]:
        """
        Cut the parts into pieces in the background, and yield what waits for it.

        Raises:
            EnvironmentRefused: a part cannot be read or unpacked.
        """
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(self._cutter.of, self._parts)

            def wait() -> None:
                self._pieces = future.result()

            try:
                yield wait
            finally:
                self._cutter.stop()  # whoever leaves early does not wait for gigabytes

    def dropped(self, spark: "SparkSession", settings: Settings, rules: Rules) -> Receita:
        """Join the records, and drop those that count into the landing zone."""
        from streaming.pipeline import receita_jobs

        fragments = receita_jobs.fragments(spark, self._pieces, rules, self._directory, self._report)
        counts: Counter[str] = Counter()
        for fragment in fragments:
            counts.update(json.loads(fragment.contagem))
        interval = rules.interval
        files = self._files([(Path(f.arquivo), f.linhas) for f in fragments if f.linhas], rules)
        return Receita(
            self._token,
            interval.since.isoformat(),
            interval.until.isoformat(),
            rules.branches,
            sum(fragment.linhas for fragment in fragments),
            {name: many for name, many in sorted(counts.items()) if many},
            sorted(cnpj for fragment in fragments for cnpj in fragment.nao_informados),
            [self._drop(settings, file) for file in files],
        )

    def _files(self, fragments: Sequence[tuple[Path, int]], rules: Rules) -> list[Path]:
        """Put fragments together, in their order, to files of a bounded size."""
        interval = rules.interval
        branches = "-filiais" if rules.branches else ""
        stem = f"receita-{self._token}-{interval.since}-{interval.until}{branches}"
        files: list[Path] = []
        rows = ROWS
        for fragment, many in fragments:
            if rows + many > ROWS:
                files.append(self._directory / f"{stem}-{len(files) + 1:04d}.csv")
                files[-1].write_bytes(writing.HEADER)
                rows = 0
            with files[-1].open("ab") as writer:
                writer.write(fragment.read_bytes())
            rows += many
        return files

    def _drop(self, settings: Settings, file: Path) -> Dropped:
        self._report(f"dropping {file.name}")
        dropped = drop(settings, file)
        return Dropped(self._token, dropped.path, dropped.copied)
