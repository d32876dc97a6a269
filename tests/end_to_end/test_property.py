"""Any split of any rows into files and runs, with repeats, gives what plain Python gives."""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from streaming.landing import local
from streaming.pipeline.ingest import Ingest
from streaming.settings import Settings
from tests import oracle
from tests.examples import examples
from tests.harness import Service

ROOTS = ["00000001", "00000002", "0000FFFF", "00065536", "00131072", "99999999", "12ABC345", "ZZZZZZZZ"]
BRANCHES = ["0001", "0002", "9999", "01DE"]
PLACES = [
    ("Belém", "PA"),
    ("Belém", "PB"),
    ("São Paulo", "SP"),
    ("Xique-Xique", "BA"),
    ("Olho d'Água", "PB"),
    ('"Aspas", vírgula; e mais', "TO"),
]

cnpjs = st.builds(
    lambda root, branch: root + branch + "00", st.sampled_from(ROOTS), st.sampled_from(BRANCHES)
)
capitals = st.one_of(
    st.decimals(0, 100, places=2),
    st.decimals(0, Decimal("999999999999.99"), places=2),
    st.sampled_from([Decimal("0.01"), Decimal("0.10"), Decimal("999999999999.99")]),
).map(lambda amount: f"{amount:.2f}")
rows = st.builds(
    lambda cnpj, place, capital: (cnpj, "2026-08-01", *place, capital),
    cnpjs,
    st.sampled_from(PLACES),
    capitals,
)
names = st.sampled_from(["a.csv", "b.csv", "c.csv.gz", "d.csv", "É (1).csv"])
landed = st.one_of(
    st.tuples(names, st.lists(rows, max_size=8).map(oracle.text)),
    st.tuples(names, st.integers(0, 9)),  # the whole content of an earlier file, under this name
)
runs = st.lists(st.lists(landed, min_size=1, max_size=3), min_size=1, max_size=2)
Runs = list[list[tuple[str, str | int]]]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """Directories, a new one for each example."""
    return (tmp_path / f"example{n}" for n in itertools.count())  # type: ignore[return-value]


def _examples(spark: SparkSession, settings: Settings, directory: Path) -> Service:
    (directory / "landing_zone").mkdir(parents=True)
    update = {"landing_zone": directory / "landing_zone", "checkpoints": directory / "checkpoints"}
    assert settings.redis_url is not None
    made = Service(spark, settings.model_copy(update=update), settings.redis_url.get_secret_value())
    made.redis.flushall()
    return made


def _land(service: Service, batch: list[tuple[str, str | int]], before: list[str]) -> list[str]:
    """Put files of one run; return what is in the landing zone new, in ingest order."""
    put: dict[str, str] = {}
    for name, content in batch:
        if isinstance(content, int):
            content = before[content % len(before)] if before else oracle.text([])
        put.pop(name, None)
        put[name] = service.put(name, content)
    return list(put.values())


once = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "phases": (Phase.explicit, Phase.generate, Phase.shrink),
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@hypothesis_settings(examples(50), **once)
@given(runs=runs)
def test_any_split_into_files_and_batches_gives_the_totals_of_plain_python(
    spark: SparkSession, settings: Settings, places: Iterator[Path], runs: Runs
) -> None:
    service = _examples(spark, settings, next(places))
    ingest = Ingest(spark, service.store(), service.settings)
    ingested: list[str] = []
    for batch in runs:
        new = _land(service, batch, ingested)
        outcomes = ingest(local.listing(service.settings.landing_zone))
        ingested += new

        assert [o.read for o in outcomes] == [len(content.splitlines()) - 1 for content in new]
        assert [o.new for o in outcomes] == _new(ingested)[-len(new) :]
        assert all(o.read == o.new + o.duplicates and o.rejected == 0 for o in outcomes)
    service.holds(*ingested)


@hypothesis_settings(examples(9), **once)
@given(runs=runs)
def test_any_split_into_files_and_runs_gives_the_totals_of_plain_python(
    spark: SparkSession, settings: Settings, places: Iterator[Path], runs: Runs
) -> None:
    service = _examples(spark, settings, next(places))
    ingested: list[str] = []
    for batch in runs:
        new = _land(service, batch, ingested)
        outcomes = service.run()
        ingested += new

        assert sorted(o.new for o in outcomes) == sorted(_new(ingested)[-len(new) :])
    service.holds(*ingested)


def _new(contents: list[str]) -> list[int]:
    """Return how many companies of each file, in order, no file before it had."""
    counts = [0]
    for n in range(len(contents)):
        whole = oracle.features(contents[: n + 1])
        counts.append(sum(int(f[1]) for key, f in whole.items() if "/" in key))
    return [after - before for before, after in itertools.pairwise(counts)]
