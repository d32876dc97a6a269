"""All levels agree, whatever the rows are: read by the reader, added to keys by the catalogue."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streaming.domain import catalogue
from streaming.domain.cells import BANDS, Cell, Sums
from streaming.landing import opening
from streaming.reading import companies
from tests import oracle
from tests.end_to_end.month import NOWHERE, SPELLINGS
from tests.end_to_end.plain import Plain
from tests.examples import examples
from tests.oracle import Row
from tests.reading.files import RULES, connection

NAMES = [("São Paulo", "SP"), ("Santa Bárbara d'Oeste", "SP"), ("Bom Jesus", "RS"), ("Bom Jesus", "PI")]
spelled = st.builds(
    lambda place, spelling: (spelling(place[0]), place[1]),
    st.sampled_from(NAMES),
    st.sampled_from(SPELLINGS),
)
invented = st.tuples(st.text("Aa é-'", max_size=6), st.sampled_from(["SP", "RS", "XX", ""]))
BOUNDS = [Decimal(0), *(Decimal(10) ** power * n for power in range(3, 8) for n in (1, 5))]
NEAR_BOUNDS = [
    f"{bound + Decimal(cents) / 100:.2f}"
    for bound in BOUNDS
    for cents in (-1, 0, 1)
    if bound + cents >= 0
]
EACH_BAND: list[Row] = [
    (f"{number:08d}000100", "2026-01-31", *NAMES[0], capital)
    for number, capital in enumerate(NEAR_BOUNDS)
]
capitals = st.one_of(
    st.sampled_from(NEAR_BOUNDS),
    st.decimals(0, Decimal("999999999999.99"), places=2).map("{:.2f}".format),
    st.sampled_from(["-1.00", "0.001", "mil", ""]),
)
opened = st.sampled_from(
    ["2025-12-31", "2026-01-01T00:00:00Z", "2025-12-31T23:30:00-03:00", "1800-01-01", "2026-02-30", "x"]
)
rows = st.builds(
    lambda root, place, day, capital: (f"{root:08d}000100", day, *place, capital),
    st.integers(0, 12),
    st.one_of(spelled, st.sampled_from(NOWHERE), invented),
    opened,
    capitals,
)


def cells(path: Path) -> dict[Cell, Sums]:
    """Return the cells of a file, less its retraction, as a batch adds them up."""
    status = path.lstat()
    with (
        opening.opened(path, status.st_size, status.st_mtime_ns) as descriptor,
        companies.reading(connection, descriptor, RULES, gzipped=False) as reading,
    ):
        [summary] = reading.summaries()
        tables = [summary.cells]
        if summary.repeated:
            tables += reading.retraction([{}], [summary.repeated])
        assert summary.read == summary.rejected + sum(tables[0]["quantidade_empresas"].to_pylist())
    added: dict[Cell, Sums] = {}
    for row in pa.concat_tables(tables).to_pylist():
        capital, count = row.pop("capital_social_total"), row.pop("quantidade_empresas")
        cell = Cell(**{**row, "faixa": BANDS[row["faixa"]]})
        added[cell] = added.get(cell, Sums()).plus(Sums(capital, count))
    return {cell: sums for cell, sums in added.items() if sums.companies}


def written(increments: dict[Cell, Sums]) -> dict[str, dict[str, Any]]:
    """Return what an empty Redis holds after a commit of these: numbers, and codes."""
    hashes: dict[str, dict[str, Any]] = defaultdict(dict)
    for write in catalogue.writes(increments):
        if write.fields.total is not None:
            hashes[write.key][write.fields.total] = f"{write.sums.capital:.2f}"
        hashes[write.key][write.fields.companies] = str(write.sums.companies)
        if write.code is not None:
            hashes[write.key]["codigo_ibge"] = write.code
    return hashes


@settings(examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(EACH_BAND)
@given(st.lists(rows, max_size=25))
def test_all_levels_of_any_rows_agree_with_plain_python(tmp_path: Path, made: list[Row]) -> None:
    plain, path = Plain(), tmp_path / "x.csv"
    plain.add(made)
    path.write_text(oracle.text(made), "utf-8-sig")  # how it is encoded is not what this is about
    increments = cells(path)

    expected = plain.hashes()
    for fields in expected.values():
        fields.pop("capital_social_medio", None)
    assert written(increments) == expected

    levels: dict[str, Sums] = defaultdict(Sums)
    for write in catalogue.writes(increments):
        levels[write.group.key] = levels[write.group.key].plus(write.sums)
    assert len({sums.companies for sums in levels.values()} | {len(plain.companies)}) == 1
    assert len({sums.capital for sums in levels.values()}) <= 1
    assert len(levels) == (len(catalogue.GROUPS) if plain.companies else 0)
