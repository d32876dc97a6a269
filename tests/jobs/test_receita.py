"""The job `receita` with Spark: the cases, files of a bounded size, a second call that adds nothing."""

import csv
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.domain.results import Receita
from streaming.errors import CityFeaturesError, RunFailed
from streaming.jobs import receita as job
from streaming.receita import names
from streaming.receita.dates import Interval
from streaming.receita.establishments import Rules
from streaming.settings import Settings, load
from tests.harness import ROOT
from tests.receita.files import EMPRECSV, ESTABELE, JULY, company, establishment, row

CASES = sorted((ROOT / "tests" / "data" / "receita").iterdir())


class Desk:
    """A landing zone, and a directory for each reading."""

    def __init__(self, spark: SparkSession, directory: Path) -> None:
        self.spark = spark
        self.directory = directory
        self.zone = directory / "landing_zone"
        self.zone.mkdir()
        self.settings: Settings = load(_env_file=None, landing_zone=self.zone)
        self.said: list[str] = []

    def read(self, files: Path, interval: Interval = JULY, *, branches: bool = False) -> Receita:
        """Read the files of a directory, and drop what counts."""
        work = self.directory / f"work{len(list(self.directory.iterdir()))}"
        work.mkdir()
        reading = job.Reading(names.parts([files]), work, self.said.append)
        with reading.cut() as cut:
            cut()
        return reading.dropped(self.spark, self.settings, Rules(interval, branches))

    def put(self, establishments: Sequence[str], companies: Sequence[str]) -> Path:
        """Write files of both kinds into a directory."""
        files = self.directory / "files"
        files.mkdir(exist_ok=True)
        for name, lines in ((ESTABELE, establishments), (EMPRECSV, companies)):
            (files / name).write_bytes("".join(f"{text}\n" for text in lines).encode("latin-1"))
        return files

    def rows(self) -> dict[str, list[list[str]]]:
        """Return by name the rows of the files in the landing zone, with their headers."""
        return {
            path.name: list(csv.reader(path.read_text("utf-8").splitlines()))
            for path in sorted(self.zone.iterdir())
        }


@pytest.fixture
def desk(spark: SparkSession, tmp_path: Path) -> Desk:
    return Desk(spark, tmp_path)


HEADER = ["cnpj", "data_abertura", "cidade", "estado", "capital_social"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_dropped_as_the_service_reads_it(case: Path, desk: Desk) -> None:
    expected = json.loads((case / "expected.json").read_text("utf-8"))
    since, until = (date.fromisoformat(expected[name]) for name in ("desde", "ate"))

    result = desk.read(case, Interval(since, until, date(2026, 8, 8)), branches=expected["filiais"])

    name = f"receita-D60808-{since}-{until}-0001.csv"
    assert desk.rows() == {name: [expected["columns"], *expected["rows"]]}
    assert result.contagens == expected["counts"]
    assert result.escritos == len(expected["rows"])


def test_a_second_call_drops_nothing(desk: Desk) -> None:
    files = desk.put([establishment()], [company()])

    first, second = desk.read(files), desk.read(files)

    name = "receita-D60808-2026-07-01-2026-07-31-0001.csv"
    assert [(file.path, file.copied) for file in first.arquivos] == [(name, True)]
    assert [(file.path, file.copied) for file in second.arquivos] == [(name, False)]
    assert desk.rows() == {name: [HEADER, list(row())]}


def test_dates_and_branches_asked_for_are_in_the_name(desk: Desk) -> None:
    files = desk.put([establishment(), establishment(flag="2", branch="0002", digits="79")], [company()])

    desk.read(files)
    desk.read(files, branches=True)

    stem = "receita-D60808-2026-07-01-2026-07-31"
    branch = list(row("99990001000279", "0.00"))
    assert desk.rows() == {
        f"{stem}-0001.csv": [HEADER, list(row())],
        f"{stem}-filiais-0001.csv": [HEADER, list(row()), branch],
    }


def test_many_rows_are_several_files_of_the_same_content(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streaming.pipeline import receita_jobs

    monkeypatch.setattr(job, "ROWS", 10)
    monkeypatch.setattr(receita_jobs, "GROUP_BYTES", 1024)
    roots = [f"{number:08d}" for number in range(60_000_000, 60_000_040)]
    files = desk.put([establishment(root=root) for root in roots], [company(root) for root in roots])

    first, again = desk.read(files), desk.read(files)

    written = desk.rows()
    assert list(written) == [file.path for file in first.arquivos] == [f.path for f in again.arquivos]
    assert len(written) > 3
    assert all(rows[0] == HEADER and len(rows) <= 1 + 2 * 10 for rows in written.values())
    cnpjs = sorted(line[0] for rows in written.values() for line in rows[1:])
    assert cnpjs == [f"{root}000198" for root in roots]


def test_no_establishment_is_no_file(desk: Desk) -> None:
    result = desk.read(desk.put([establishment(opened="0")], [company()]))

    assert (result.escritos, result.contagens, result.arquivos) == (0, {"data_ausente": 1}, [])
    assert desk.rows() == {}


def test_a_file_that_is_gone_when_it_is_read_fails_the_run(desk: Desk) -> None:
    files = desk.put([establishment()], [company()])
    (desk.directory / "gone").mkdir()
    reading = job.Reading(names.parts([files]), desk.directory / "gone", desk.said.append)
    with reading.cut() as cut:
        cut()
    (files / ESTABELE).unlink()

    with pytest.raises(RunFailed, match=f"{ESTABELE} cannot be read: No such file"):
        reading.dropped(desk.spark, desk.settings, Rules(JULY))
    assert desk.rows() == {}


def test_dates_after_the_day_of_the_files_are_refused(tmp_path: Path) -> None:
    for name in (ESTABELE, EMPRECSV):
        (tmp_path / name).touch()

    with pytest.raises(CityFeaturesError, match="the files are of 2026-08-08: nothing in them"):
        job.receita(load(_env_file=None), [tmp_path], job.Asked(date(2026, 8, 9)), lambda _: None)


def test_no_name_of_a_person_is_anywhere(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    person = "FULANO FICTICIO 00000000191"
    broken = company(name=person, capital="-1")[:40]
    lines = [company(name=person), broken, company("99990002", name=f'"{person}"', capital="x")]
    files = desk.put([establishment(), establishment(root="99990002", fantasia=person)], lines)

    result = desk.read(files)

    assert result.contagens == {"capital_invalido": 1, "empresa_colunas": 1}
    remaining = [path for path in desk.directory.rglob("*") if path.is_file() and path.parent != files]
    assert [path for path in remaining if b"FULANO" in path.read_bytes()] == []
    assert "FULANO" not in "".join(capfd.readouterr()) + str(result) + "".join(desk.said)
