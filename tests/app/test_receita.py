"""The command `receita`: what it prints and exits with, and that the service ingests what it drops."""

import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from typer.testing import CliRunner, Result

from streaming.app.cli import app
from tests.harness import Program
from tests.receita.files import EMPRECSV, ESTABELE, company, establishment

NAME = "receita-D60808-2026-07-01-2026-07-31-0001.csv"
JULY = ("--desde", "2026-07-01", "--ate", "2026-07-31")


def put(directory: Path, *texts: tuple[str, str]) -> Path:
    """Write zips as they are published, each with one member."""
    directory.mkdir()
    for number, (name, text) in enumerate(texts):
        with zipfile.ZipFile(directory / f"part{number}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, text.encode("latin-1"))
    return directory


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["receita", *arguments])


@pytest.mark.redis
def test_the_service_ingests_what_was_dropped_once(program: Program, spark: SparkSession) -> None:
    program.inside.spark = spark
    establishments = lines(
        establishment(),
        establishment(root="99990002", digits="32", uf="RJ", code="6001"),
        establishment(root="99990003", digits="87", uf="EX", code="9707"),
    )
    companies = lines(company(), company("99990002", "999999999999,00"))
    files = str(put(program.directory / "files", (ESTABELE, establishments), (EMPRECSV, companies)))

    first = program.json("receita", files, *JULY)
    run = program.inside.json("run")
    second = program.json("receita", files, *JULY)
    nothing = program.inside.json("run")

    seconds = first.pop("segundos"), second.pop("segundos")
    assert min(seconds) > 0
    assert first == {
        "token": "D60808",
        "desde": "2026-07-01",
        "ate": "2026-07-31",
        "filiais": False,
        "escritos": 2,
        "contagens": {"capital_nao_informado": 1, "exterior": 1},
        "nao_informados": ["99990002000132"],
        "arquivos": [{"source": "D60808", "path": NAME, "copied": True}],
    }
    assert (run["read"], run["new"], run["rejected"]) == (2, 2, 0)
    assert second["arquivos"] == [{"source": "D60808", "path": NAME, "copied": False}]
    assert nothing["files"] == []
    shown = program.inside.json("show", "Rio de Janeiro")["features"]
    assert {(f["key"], f["quantidade_empresas"], f["capital_social_total"]) for f in shown} >= {
        ("Rio de Janeiro/RJ", 1, "0.00")
    }


@pytest.mark.spark
def test_people_see_files_counts_and_what_was_not_informed(program: Program) -> None:
    texts = lines(establishment(), establishment(situation="01"), establishment())
    files = put(
        program.directory / "files", (ESTABELE, texts), (EMPRECSV, company(capital="999999999999,00"))
    )

    out = program("receita", str(files), *JULY).stdout

    head, *table, listed, end = out.splitlines()
    assert head == f"{NAME}: dropped"
    assert [line.split() for line in table] == [
        ["what", "lines"],
        ["capital_nao_informado", "1"],
        ["estabelecimento_repetido", "1"],
        ["situacao_nula", "1"],
    ]
    assert listed == "99990001000198: capital not informed, counts with 0.00"
    assert end.startswith("1 establishments opened from 2026-07-01 to 2026-07-31 (D60808, ")


def test_files_of_different_days_end_with_one_line(tmp_path: Path) -> None:
    later = ESTABELE.replace("D60808", "D60711")

    result = invoke(str(put(tmp_path / "files", (later, ""), (EMPRECSV, ""))), "--desde", "2026-07-01")

    assert isinstance(result.exception, Exception)
    assert "files of different days: D60711, D60808 (part0.zip, part1.zip)" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], "Missing option '--desde'"),
        ([".", "--desde", "01/07/2026"], "does not match the format"),
        ([".", "--desde", "2026-07-32"], "does not match the format"),
        ([".", "--desde", "2026-07-02", "--ate", "2026-07-01"], "it is before --desde"),
        (["none", "--desde", "2026-07-01"], "does not exist"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


@pytest.mark.spark
def test_a_missing_kind_exits_1_and_says_so(program: Program) -> None:
    files = put(program.directory / "files", (ESTABELE, ""))

    done = program("receita", str(files), "--desde", "2026-07-01", code=1)

    assert done.stdout == ""
    assert done.stderr == (
        f"error: no EMPRECSV file in {files}: companies need both kinds, of the same day (D60808)\n"
    )
