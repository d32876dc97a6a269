"""The sums of several files, added up by Spark."""

from decimal import Decimal
from pathlib import Path

from pyspark.sql import SparkSession

from streaming.domain.cells import BANDS
from streaming.landing.local_folder import LocalFolder
from streaming.pipeline import spark_jobs
from tests import oracle
from tests.pipeline.summaries import FAIXA, MES, RULES, added_up, summaries, write


def test_the_same_place_in_several_files_is_added_up_and_reports_are_not_places(
    spark: SparkSession,
) -> None:
    summed = summaries(
        spark,
        (0, "Natal", "RN", "10.10", 1),
        (0, None, None, None, None),
        (0, "Bom Jesus", "PI", "1.00", 1),
        (1, "Bom Jesus", "RS", "2.00", 2),
        (1, "Natal", "RN", "0.20", 3),
        (1, None, None, None, None),
        (2, "natal", "RN", "5.00", 1),
    )

    assert added_up(summed.transform(spark_jobs.aggregate)) == {
        ("Natal", "RN", MES, FAIXA): (Decimal("10.30"), 4),
        ("natal", "RN", MES, FAIXA): (Decimal("5.00"), 1),
        ("Bom Jesus", "PI", MES, FAIXA): (Decimal("1.00"), 1),
        ("Bom Jesus", "RS", MES, FAIXA): (Decimal("2.00"), 2),
    }


def test_sums_are_exact_where_floats_are_not(spark: SparkSession) -> None:
    summed = summaries(
        spark,
        *[(n, "Natal", "RN", "0.10", 1) for n in range(10)],
        (0, "Recife", "PE", "90000000000000000000000.01", 2**40),
        (1, "Recife", "PE", "0.01", 1),
        (2, "Recife", "PE", "0.01", 1),
    )

    aggregated = spark_jobs.aggregate(summed)

    assert added_up(aggregated) == {
        ("Natal", "RN", MES, FAIXA): (Decimal("1.00"), 10),
        ("Recife", "PE", MES, FAIXA): (Decimal("90000000000000000000000.03"), 2**40 + 2),
    }
    assert dict(aggregated.dtypes)["capital_social_total"] == "decimal(38,2)"
    assert dict(aggregated.dtypes)["quantidade_empresas"] == "bigint"


def test_nothing_adds_up_to_nothing(spark: SparkSession) -> None:
    aggregated = spark_jobs.aggregate(summaries(spark, (0, None, None, None, None)))

    assert aggregated.columns == [
        *("cidade", "estado", "mes", "faixa"),
        *("capital_social_total", "quantidade_empresas"),
    ]
    assert added_up(aggregated) == {}


def test_what_is_aggregated_can_be_aggregated_again(spark: SparkSession) -> None:
    summed = summaries(spark, (0, "Natal", "RN", "10.10", 1), (1, "Natal", "RN", "1.00", 1))
    once = spark_jobs.aggregate(summed)

    twice = spark_jobs.aggregate(once.unionByName(once))

    assert added_up(twice) == {("Natal", "RN", MES, FAIXA): (Decimal("22.20"), 4)}


def test_files_add_up_to_what_plain_python_finds(spark: SparkSession, tmp_path: Path) -> None:
    cities = [("Natal", "RN"), ("São Paulo", "SP"), ("Bom Jesus", "PI"), ("Bom Jesus", "RS")]
    texts = [
        oracle.text(
            (f"{file * 50 + n:08}000100", "2024-01-31", *cities[n % 4], f"{n * 37 % 1000 / 100:.2f}")
            for n in range(50)
        )
        for file in range(3)
    ]
    sources = write(tmp_path, **{f"f{n}": text for n, text in enumerate(texts)})

    sums = added_up(
        spark_jobs.summarise(spark, sources, RULES, LocalFolder(tmp_path / "q")).transform(
            spark_jobs.aggregate
        )
    )

    counted = oracle.count(texts)
    places: dict[str, tuple[Decimal, int]] = {}
    for (cidade, estado, mes, _), (total, n) in sums.items():
        assert mes == "2024-01"
        before = places.get(f"{cidade}/{estado}", (Decimal(0), 0))
        places[f"{cidade}/{estado}"] = (before[0] + total, before[1] + n)
    assert {key: (f"{total:.2f}", str(n)) for key, (total, n) in places.items()} == {
        key: (total, n) for key, (total, n, _) in counted.features().items() if "/" in key
    }
    bands = {
        (f"faixas:{cidade}/{estado}", BANDS[faixa]): str(n)
        for (cidade, estado, _, faixa), (_, n) in sums.items()
    }
    assert bands == {
        (key, band): n
        for key, of in counted.levels().items()
        if key.startswith("faixas:")
        for band, n in of.items()
    }
