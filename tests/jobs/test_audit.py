"""The audit: every field of every key, computed again from the files."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from streaming.domain import results
from streaming.domain.results import Difference
from streaming.errors import RunFailed
from streaming.jobs import audit
from tests import oracle
from tests.harness import Program, Service, row

pytestmark = pytest.mark.both_zones


def audited(service: Service) -> results.Audit:
    return audit.compare(service.settings, service.store(), lambda: service.spark)


@pytest.fixture
def filled(service: Service) -> Service:
    """Two commits: repeats inside a file, across files and across commits, rejected rows and files."""
    service.put("z.csv", [row(1, "1.00"), row(2, "2.50"), row(1, "9.00", "Belém", "PA")])
    service.put("a.csv.gz", [row(2, "8.00"), row(3, "0.10", "Belém", "PB"), row(4, "-1")])
    service.put("no.csv", "nothing here\n")
    service.run()
    service.put(
        "old.csv", [row(1, "7.00"), row(5, "0.01", "Belém", "PA")], mtime=time.time() - 10 * 24 * 3600
    )
    service.run()
    return service


def test_an_audit_of_what_was_counted_finds_no_difference(filled: Service) -> None:
    assert audited(filled) == results.Audit(2, 4, 3, 2, [], [])


def test_of_nothing_there_is_nothing_to_differ_and_no_spark_is_started(service: Service) -> None:
    report = audit.compare(service.settings, service.store(), lambda: pytest.fail("started"))
    assert report == results.Audit(0, 0, 0, 0, [], [])


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("Natal", "capital_social_total", "3.51"),
        ("Natal", "capital_social_total", "3.5"),
        ("Natal/RN", "quantidade_empresas", "3"),
        ("Belém", "capital_social_medio", "0.05"),
        ("Belém/PB", "atualizado_em", "2026-01-01T00:00:00.000000+00:00"),
        ("Natal", "outro", "1"),
        ("Natal/RN", "codigo_ibge", "2408103"),
        ("estado:RN", "quantidade_empresas", "3"),
        ("pais:BR", "capital_social_total", "3.62"),
        ("mensal:Natal/RN", "2025-07:quantidade_empresas", "3"),
        ("mensal:estado:RN", "2025-07:capital_social_total", "3.51"),
        ("mensal:pais:BR", "2025-08:quantidade_empresas", "1"),
        ("faixas:Natal/RN", "capital_ate_1000", "1"),
        ("faixas:Natal/RN", "capital_ate_5000", "1"),
        ("Natal", "capital_social_total", "much"),
    ],
)
def test_each_field_that_is_not_the_same_is_named(
    filled: Service, key: str, field: str, value: str
) -> None:
    before = filled.redis.hget(key, field)
    filled.redis.hset(key, field, value)
    was = before.decode() if before else None
    assert audited(filled).differences == [Difference(key, field, value, was)]


def test_missing_and_additional_keys_are_named_and_hashes_of_others_are_not(filled: Service) -> None:
    filled.redis.delete("Natal")
    filled.redis.copy("Belém/PA", "Recife/PE")
    filled.redis.hset("Olinda", "quantidade_empresas", "1")
    filled.redis.hset("session", "user", "1")
    assert audited(filled).differences == [
        Difference("Natal", None, "no such key", "3.50"),
        Difference("Olinda", None, "1 fields", "no such key"),
        Difference("Recife/PE", None, "0.01", "no such key"),
    ]


def test_companies_that_were_counted_twice_are_found(filled: Service) -> None:
    """What a lost ledger would do."""
    filled.redis.delete(*filled.redis.keys("ledger:*"))
    filled.put("again.csv", [row(1, "1.00")])
    filled.run()
    twice = {(d.key, d.field) for d in audited(filled).differences}
    assert {key for key, _ in twice} == oracle.keys("Natal", "RN")
    assert {field for key, field in twice if key in ("Natal", "Natal/RN", "estado:RN", "pais:BR")} == {
        "capital_social_total",
        "quantidade_empresas",
        "capital_social_medio",
        "atualizado_em",
    }


def test_a_file_that_is_gone_is_noted_with_what_it_had_brought(filled: Service) -> None:
    filled.landed.remove("old.csv")
    report = audited(filled)
    assert report.notes == ["old.csv: gone or changed after 1 companies of it were counted"]
    assert {d.key for d in report.differences} == oracle.keys("Belém", "PA")


def test_a_file_that_was_overwritten_is_noted_and_differs_by_what_is_lost(service: Service) -> None:
    service.put("a.csv", [row(1), row(2)])
    service.run()
    service.put("a.csv", [row(2), row(3)])
    service.run()
    report = audited(service)
    assert report.notes == ["a.csv: overwritten after 2 companies of it were counted"]
    assert {d.key for d in report.differences} == oracle.keys("Natal", "RN")


def test_files_that_wait_are_not_expected_in_redis(filled: Service) -> None:
    filled.put("later.csv", [row(9, cidade="Recife", estado="PE")])
    assert audited(filled) == results.Audit(2, 4, 3, 2, [], [])


def test_a_row_is_judged_by_the_day_it_was_ingested(service: Service) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1, seconds=8)).isoformat()
    service.put("a.csv", [row(1), (row(2)[0], soon, "Natal", "RN", "5.00")])
    assert [o.rejected for o in service.run()] == [1]
    while datetime.now(UTC) + timedelta(days=1) < datetime.fromisoformat(soon):
        time.sleep(0.1)
    assert audited(service).differences == []


def test_companies_are_the_same_in_whatever_form_they_are_written(service: Service) -> None:
    service.put(
        "a.csv",
        oracle.text([("12.345.678/0001-95", "2025-01-01", " São  Paulo", "SP", "1.00")])
        + "12345678000199,2025-01-01,Natal,RN,2.00\n12ABC34501DE35,2026-08-01,Natal,RN,4.00\n"
        + "12.ABC.345/01DE-35,2026-08-01,Natal,RN,8.00\n",
    )
    service.put(
        "b.csv", "cnpj;data_abertura;cidade;estado;capital_social\n12345678000195;2025-01-01;X;SP;1\n"
    )
    service.run()
    report = audited(service)
    assert (report.companies, report.differences) == (2, [])


@pytest.mark.directory_only  # an object of other content has another ETag
def test_a_file_that_can_no_longer_be_read_as_it_was_stops_the_audit_and_is_named(
    filled: Service,
) -> None:
    path = filled.settings.landing_zone / "a.csv.gz"
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(RunFailed, match=r"a\.csv\.gz: broken gzip"):
        audited(filled)


def test_the_program_exits_with_1_on_a_difference_and_tells_it(
    service: Service, program: Program
) -> None:
    service.put("a.csv", [row(1, "10.00")])
    service.run()
    program.inside.spark = service.spark
    report = program.inside.json("audit")
    assert {k: report[k] for k in ("ok", "cities", "differences")} == {
        "ok": True,
        "cities": 1,
        "differences": [],
    }
    service.redis.hset("Natal", "capital_social_total", "10.01")
    out = program.inside("audit", code=1).stdout
    assert "Natal" in out and "10.01" in out and "10.00" in out and "1 differences" in out


def test_what_an_audit_found_is_kept_for_metrics(filled: Service, program: Program) -> None:
    filled.redis.hset("Natal", "quantidade_empresas", "3")
    before = datetime.now(UTC)
    assert len(program.json("audit", code=1)["differences"]) == 1

    kept = json.loads(filled.redis.get("ingest:audit"))
    assert before < datetime.fromisoformat(kept.pop("at")) < datetime.now(UTC)
    assert kept == {"version": 2, "differences": 1}
    filled.redis.hset("Natal", "quantidade_empresas", "2")
    program("audit")
    assert json.loads(filled.redis.get("ingest:audit"))["differences"] == 0


def test_a_result_that_may_not_be_kept_is_a_warning(filled: Service, program: Program) -> None:
    url = filled.redis.connection_pool.connection_kwargs
    filled.redis.execute_command("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+@all", "-@write")
    try:
        address = f"redis://reader:any@{url['host']}:{url['port']}/0"
        done = program("audit", REDIS_URL=address)
    finally:
        filled.redis.execute_command("ACL", "DELUSER", "reader")
    assert "no difference" in done.stdout
    assert "result of the audit not kept" in done.stderr
    assert filled.redis.get("ingest:audit") is None


def test_a_key_of_another_kind_stays_as_it_is(filled: Service, program: Program) -> None:
    filled.redis.hset("ingest:audit", "mine", "1")
    done = program("audit")
    assert "result of the audit not kept" in done.stderr
    assert filled.redis.hgetall("ingest:audit") == {b"mine": b"1"}
