"""Quality: what the files and Redis say of the data, compared whole."""

import json
from dataclasses import asdict
from decimal import Decimal

import pytest

from streaming.app import quality_commands
from streaming.domain.capitals import LARGE, NOT_GIVEN, Capitals, Outlier
from streaming.domain.quality import Conservation, FileQuality, Months, Quality, Rows
from streaming.domain.suggestions import UnknownPlace, UnknownPlaces
from streaming.jobs import quality as job
from tests.harness import Program, Service, row

GOOD = "11222333000181"
"""A CNPJ whose check digits are right; those of `row` are wrong."""


def quality_of(service: Service, **changed: object) -> Quality:
    """Return the quality of what a service has counted, with these settings instead of its own."""
    settings = service.settings.model_copy(update=changed)
    return job.quality(settings, service.store(), lambda _: None)


@pytest.fixture
def filled(service: Service) -> Service:
    """Two commits with one of everything that quality tells."""
    service.put(
        "a.csv",
        [
            (GOOD, "2025-01-31", "Natal", "RN", "1.00"),
            row(2, "2000000000.00", "São Palo", "SP"),
            row(2, "3.00"),
            row(3, "999999999999.00", "Macei├│", "AL"),
            row(4, "-1"),
        ],
    )
    service.put("no.csv", "nothing here\n")
    service.run()
    service.put("b.csv", [row(2, "7.00"), row(5, "5.00"), ("x", "2025-01-01", "Natal", "RN", "1.00")])
    service.run()
    return service


A = FileQuality(
    file="a.csv",
    state="ingested",
    reason=None,
    not_read_again=None,
    rows=Rows(
        read=5,
        new=3,
        duplicates=1,
        rejected=1,
        unrecognised=2,
        duplicates_within_file=1,
        duplicates_across_files=0,
        wrong_check_digits=3,
        suspicious_text=1,
        capital_not_informed=1,
        capital_outlier=1,
    ),
    rows_rejected_by_reason={"capital_social: negative": 1},
    suspicious_text_example="Macei├│",
)
B = FileQuality(
    file="b.csv",
    state="ingested",
    reason=None,
    not_read_again=None,
    rows=Rows(3, 1, 1, 1, 0, 0, 1, 2, 0, 0, 0),
    rows_rejected_by_reason={"cnpj: malformed": 1},
    suspicious_text_example=None,
)
COLUMNS = "cnpj, data_abertura, cidade, estado, capital_social"
REASON = f"missing column: {COLUMNS}; read as the header: nothing here"
COMPANIES = {"pais:BR": 4, "mensal:pais:BR": 4, "ranking:quantidade_empresas": 4, "ledger:*": 4}


def test_all_that_was_counted_is_told_by_file_and_over_all(filled: Service) -> None:
    assert quality_of(filled) == Quality(
        ok=True,
        version=2,
        files=[
            A,
            B,
            FileQuality("no.csv", "rejected", REASON, "rejected as a whole", Rows(), None, None),
        ],
        rows=Rows(8, 4, 2, 2, 2, 1, 1, 5, 1, 1, 1),
        rows_rejected_by_reason={"capital_social: negative": 1, "cnpj: malformed": 1},
        unrecognised=UnknownPlaces(
            2,
            2,
            [
                UnknownPlace("Macei├│/AL", 1, "Maceió", []),
                UnknownPlace("São Palo/SP", 1, "São Paulo", []),
            ],
        ),
        months=Months("2025-01", "2025-07", ["2025-02", "2025-03", "2025-04", "2025-05", "2025-06"]),
        capitals=Capitals(
            Decimal("2000000000.00"),
            [
                Outlier("a.csv", "00000002000100", "São Palo/SP", Decimal("2000000000.00"), LARGE),
                Outlier("a.csv", "00000003000100", "Macei├│/AL", Decimal("999999999999.00"), NOT_GIVEN),
            ],
        ),
        conservation=Conservation(4, COMPANIES, []),
        notes=[],
    )


def test_of_a_file_that_is_gone_only_its_record_is_told(filled: Service) -> None:
    (filled.settings.landing_zone / "b.csv").unlink()
    result = quality_of(filled)
    why = "gone, or changed after it was counted"
    assert result.files[1] == FileQuality("b.csv", "ingested", None, why, Rows(3, 1, 1, 1), None, None)
    assert result.rows == Rows(8, 4, 2, 2, 2, 1, 0, 3, 1, 1, 1)
    assert result.notes == [f"b.csv: not read again: {why}"]
    assert (result.ok, result.conservation) == (True, Conservation(4, COMPANIES, []))


def test_the_quarantine_stays_as_it_is(filled: Service) -> None:
    before = {p: p.stat().st_mtime_ns for p in filled.settings.quarantine_dir.rglob("*")}
    quality_of(filled)
    assert before
    assert {p: p.stat().st_mtime_ns for p in filled.settings.quarantine_dir.rglob("*")} == before


def test_where_settings_have_changed_repeats_are_not_known_and_it_is_said(filled: Service) -> None:
    result = quality_of(filled, cnpj_check_digits="strict")
    assert result.ok
    assert result.files[1].rows == Rows(3, 1, 1, 1, 0, None, None, 0, 0, 0, 0)
    assert result.notes == [
        f"{name}: {now} rows are rejected now, 1 were when it was counted: the settings have changed"
        for name, now in (("a.csv", 4), ("b.csv", 3))
    ]


def test_companies_that_do_not_add_up_break_conservation(filled: Service) -> None:
    filled.redis.hset("pais:BR", "quantidade_empresas", "5")
    filled.redis.delete(*filled.redis.keys("ledger:*"))
    result = quality_of(filled)
    assert result.ok is False
    assert result.conservation == Conservation(
        4,
        COMPANIES | {"pais:BR": 5, "ledger:*": 0},
        [
            "the files brought 4 companies, but pais:BR has 5",
            "the files brought 4 companies, but ledger:* has 0",
        ],
    )


def test_rows_that_do_not_add_up_break_conservation(filled: Service) -> None:
    record = json.loads(filled.redis.hget("ingest:files", "b.csv"))
    filled.redis.hset("ingest:files", "b.csv", json.dumps(record | {"read": 4}))
    assert quality_of(filled).conservation.broken == [
        "b.csv: read 4 is not new 1 + duplicates 1 + rejected 1",
        "b.csv: it has 3 rows, but 4 are recorded",
    ]


def test_what_was_overwritten_still_adds_up(filled: Service) -> None:
    filled.put("b.csv", [row(5, "5.00"), row(6, "5.00")])
    filled.run()
    result = quality_of(filled)
    assert (result.ok, result.conservation.companies_of_files) == (True, 5)
    assert result.files[1].rows == Rows(2, 1, 1, 0, 0, 0, 1, 2, 0, 0, 0)


def test_of_an_empty_service_nothing_is_told(service: Service) -> None:
    none = dict.fromkeys(COMPANIES, 0)
    assert quality_of(service) == Quality(
        ok=True,
        version=0,
        files=[],
        rows=Rows(),
        rows_rejected_by_reason={},
        unrecognised=UnknownPlaces(0, 0, []),
        months=Months(None, None, []),
        capitals=Capitals(None, []),
        conservation=Conservation(0, none, []),
        notes=[],
    )


def test_the_table_fits_100_columns(filled: Service, capsys: pytest.CaptureFixture[str]) -> None:
    (filled.settings.landing_zone / "b.csv").unlink()
    quality_commands.show(quality_of(filled), 1.5)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    sentences = [line for line in lines if line.endswith("(the whole file)")]
    assert max(len(line) for line in lines if line not in sentences) <= 100
    assert [" ".join(line.split()) for line in lines] == [
        "file read new within across rejected unknown digits text capital",
        "a.csv 5 3 1 0 1 2 3 1 2",
        "b.csv 3 1 ? ? 1 0 ? ? ?",
        "no.csv 0 0 ? ? 0 0 ? ? ?",
        "3 files 8 4 1 0 2 2 3 1 2",
        *quality_commands.LEGEND,
        "a.csv: text such as Macei├│",
        f"no.csv: {REASON} (the whole file)",
        "b.csv: not read again: gone, or changed after it was counted",
        "rejected because rows",
        "capital_social: negative 1",
        "2 places that are no municipality, 2 companies",
        "Macei├│/AL (1): Maceió?",
        "São Palo/SP (1): São Paulo?",
        "months from 2025-01 to 2025-07, missing: 2025-02 to 2025-06",
        "99.9 % of the capitals are at most 2,000,000,000.00 reais",
        "cnpj place capital why file",
        "00000002000100 São Palo/SP 2,000,000,000.00 1e9 or more a.csv",
        "00000003000100 Macei├│/AL 999,999,999,999.00 not informed a.csv",
        "read = new + within + across + rejected, and Redis has the 4 companies",
        "(1.5 s)",
    ]


def test_the_program_exits_with_1_only_where_something_is_lost(
    filled: Service, program: Program
) -> None:
    document = program.inside.json("quality")
    assert isinstance(document.pop("seconds"), float)
    expected = json.loads(json.dumps(asdict(quality_of(filled)), default=lambda money: f"{money:.2f}"))
    assert document == expected
    filled.redis.hincrby("pais:BR", "quantidade_empresas", 1)
    broken = program.inside("quality", code=1).stdout.splitlines()
    assert "BROKEN: the files brought 4 companies, but pais:BR has 5" in broken
