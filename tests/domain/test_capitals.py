"""Capitals to look at: the 99.9th percentile is exact, and outliers are listed and counted."""

import random
from decimal import Decimal

from streaming.domain.capitals import (
    FAR,
    LARGE,
    LISTED,
    NOT_GIVEN,
    NOT_INFORMED,
    Capital,
    Capitals,
    Largest,
    Outlier,
)


def capital(reais: Decimal | str, cnpj: str = "1") -> Capital:
    return Capital(Decimal(reais), cnpj, "Natal/RN")


def outlier(file: str, row: Capital, why: str) -> Outlier:
    return Outlier(file, row.cnpj, row.lugar, row.reais, why)


def test_the_percentile_and_its_outliers_are_those_of_all_rows_together() -> None:
    """The oracle sorts everything; each file hands over only what is asked of it."""
    chance = random.Random(20261126)
    for size in (1, 999, 1000, 1001, 20_000):
        files = {
            f"{name}.csv": [
                capital(f"{chance.lognormvariate(8, 3):.2f}", f"{name}{number}")
                for number in range(size // 4 + (name == 0) * (size % 4))
            ]
            for name in range(4)
        }
        largest = Largest(size)
        for file, rows in files.items():
            above = [row for row in rows if row.reais > largest.above]
            largest.add(file, sorted(above, reverse=True)[: largest.most], [])
        every = sorted(
            ((row, file) for file, rows in files.items() for row in rows),
            key=lambda pair: (-pair[0].reais, pair[1], pair[0].cnpj),
        )
        # At least 99.9 % of the rows are not above it.
        percentile = every[size - -(-999 * size // 1000)][0].reais
        expected = [
            outlier(file, row, LARGE if row.reais >= 10**9 else FAR)
            for row, file in every
            if row.reais >= 10**9 or row.reais > 100 * percentile
        ]
        counts = {file: sum(o.why == FAR for o in expected if o.file == file) for file in files}
        capitals, far = largest.capitals(size)
        assert capitals == Capitals(percentile, expected)
        assert far == {file: count for file, count in counts.items() if count}


def test_a_capital_above_a_hundred_times_the_percentile_is_far_and_no_other() -> None:
    largest = Largest(3000)
    rows = [capital("100000.01"), capital("100000.00"), capital("5.00"), *[capital("1000.00")] * 10]
    largest.add("a.csv", rows, [])
    assert largest.capitals(3000) == (
        Capitals(Decimal("1000.00"), [outlier("a.csv", rows[0], FAR)]),
        {"a.csv": 1},
    )


def test_where_nearly_all_have_no_capital_only_a_thousand_million_is_large() -> None:
    largest = Largest(5000)
    rows = [capital("1000000000.00"), capital("999999999.99"), *[capital("0.00")] * 10]
    largest.add("a.csv", rows, [])
    assert largest.capitals(5000) == (
        Capitals(Decimal("0.00"), [outlier("a.csv", rows[0], LARGE)]),
        {},
    )


def test_rows_without_a_capital_are_listed_after_the_outliers_and_bounded() -> None:
    largest = Largest(10)
    marked = [capital(NOT_INFORMED, str(number)) for number in range(LISTED)]
    largest.add("a.csv", [capital("2000000000.00")], marked[:1])
    largest.add("b.csv", [], marked)
    capitals, _ = largest.capitals(1)
    assert capitals.outliers == [
        outlier("a.csv", capital("2000000000.00"), LARGE),
        outlier("a.csv", marked[0], NOT_GIVEN),
        *(outlier("b.csv", row, NOT_GIVEN) for row in marked[: LISTED - 1]),
    ]


def test_of_no_rows_there_is_no_percentile() -> None:
    assert Largest(0).capitals(0) == (Capitals(None, []), {})
