"""A month of rows through the real pipeline: right to the cent at every level."""

from dataclasses import asdict
from typing import Any

import pytest

from tests import oracle
from tests.end_to_end import month
from tests.end_to_end.plain import Plain
from tests.harness import Service

FILES = {"a.csv": 200_000, "b.csv.gz": 120_000, "c.csv": 99_999, "d.csv": 80_000, "e.csv": 1}
PART = 10  # of that still has every kind of row in each file, and 4,600 places
FIRST_RUN = 3
Levels = dict[str, dict[str, Any]]


def levels(service: Service) -> Levels:
    """Return every hash of features in Redis without `atualizado_em`, and every ranking."""
    stored: Levels = {}
    for kind in ("hash", "zset"):
        names = [key.decode() for key in service.redis.scan_iter(count=5000, _type=kind)]
        names = [name for name in names if not name.startswith("ingest:")]
        with service.redis.pipeline(transaction=False) as pipeline:
            for name in names:
                (
                    pipeline.hgetall(name)
                    if kind == "hash"
                    else pipeline.zrange(name, 0, -1, withscores=True)
                )
            for name, values in zip(names, pipeline.execute(), strict=True):
                stored[name] = {
                    member.decode(): value.decode() if kind == "hash" else value
                    for member, value in dict(values).items()
                    if member != b"atualizado_em"
                }
    return stored


def differences(actual: Levels, expected: Levels) -> list[tuple[str, Any, Any]]:
    """Return the first keys that differ, with both values: all of them would take minutes to print."""
    keys = sorted(actual.keys() | expected.keys())
    pairs = ((key, actual.get(key), expected.get(key)) for key in keys)
    return [pair for pair in pairs if pair[1] != pair[2]][:5]


@pytest.mark.parametrize(
    "part",
    [pytest.param(PART, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.long)],
    ids=["fifty thousand", "half a million"],
)
def test_a_month_of_rows_is_right_at_every_level(service: Service, part: int) -> None:
    plain, accounting = Plain(), {}
    contents = month.files([-(-rows // part) for rows in FILES.values()], seed=20261126)
    for number, (name, rows) in enumerate(zip(FILES, contents, strict=True), 1):
        service.put(name, oracle.text(rows))
        accounting[name] = asdict(plain.add(rows))
        if number == FIRST_RUN:
            service.run()
    service.run()

    counts = {
        name: {field: record.get(field, 0) for field in accounting[name]}
        for name, record in service.records().items()
    }
    assert counts == accounting
    assert differences(levels(service), {**plain.hashes(), **plain.rankings()}) == []


def test_the_generated_month_has_what_it_is_to_have() -> None:
    rows = month.files([20_000], seed=1)[0]
    counted = Plain().add(rows)
    spellings = {row[2] for row in rows if row[3] == "SP" and "paulo" in row[2].lower()}

    assert len({"São Paulo", "SÃO PAULO", "SAO PAULO", " são  paulo", "Sao Paulo"} - spellings) == 0
    assert counted.rejected / counted.read == pytest.approx(month.REJECTED, rel=0.2)
    assert counted.duplicates / counted.read == pytest.approx(month.REPEATED, rel=0.2)
    assert counted.unrecognised / counted.read == pytest.approx(month.UNKNOWN, rel=0.2)
