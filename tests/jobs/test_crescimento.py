"""The growth of municipalities between two periods, read from Redis."""

from datetime import date

import pytest

from streaming.domain.growth import between
from streaming.errors import CityFeaturesError
from streaming.jobs.crescimento import crescimento
from streaming.store.store import Store
from tests.store.commits import add

MONTHS = between("2024-01", "2026-01")


@pytest.fixture
def filled(store: Store) -> Store:
    """Two complete years and a month: one place grew, one is new, one is small, one shrank."""
    openings = {
        ("Sinop", "MT"): (100, 150),
        ("Natal", "RN"): (1200, 1200),
        ("Mossoró", "RN"): (0, 60),
        ("Belém", "PA"): (240, 120),
        ("Acari", "RN"): (12, 12),
    }
    rows = []
    for (cidade, estado), years in openings.items():
        for year, number in zip((2024, 2025), years, strict=True):
            months = [m for m in MONTHS if m.startswith(str(year))]
            counts = [number // 12 + (n < number % 12) for n in range(12)]
            rows += [
                (cidade, estado, month, "capital_0", count, "0.00")
                for month, count in zip(months, counts, strict=True)
                if count
            ]
    add(store, *rows, ("Natal", "RN", "2026-01", "capital_0", 1, "0.00"))
    return store


def test_the_last_complete_months_are_compared_with_those_a_year_before(filled: Store) -> None:
    result = crescimento(filled)

    assert (result.de, result.ate) == ("2025-01", "2025-12")
    assert (result.base_de, result.base_ate) == ("2024-01", "2024-12")
    assert (result.faltam, result.poucas) == ([], 1)
    assert [(g.lugar, g.a, g.b, g.situacao) for g in result.lugares] == [
        ("Sinop/MT", 150, 100, ""),
        ("Natal/RN", 1200, 1200, ""),
        ("Belém/PA", 120, 240, ""),
        ("Mossoró/RN", 60, 0, "novo"),
    ]
    sinop = result.lugares[0]
    assert sinop.crescimento == 0.5
    assert sinop.crescimento_minimo == pytest.approx(0.165, abs=0.0005)


def test_the_months_just_before_are_another_base(filled: Store) -> None:
    result = crescimento(filled, months=6, adjacent=True)
    assert (result.de, result.ate) == ("2025-07", "2025-12")
    assert (result.base_de, result.base_ate) == ("2025-01", "2025-06")


def test_a_state_is_compared_alone(filled: Store) -> None:
    assert {g.lugar for g in crescimento(filled, estado="RN").lugares} == {"Natal/RN", "Mossoró/RN"}


def test_months_that_the_data_lacks_leave_no_base(filled: Store) -> None:
    result = crescimento(filled, last="2024-12")
    assert result.faltam == between("2023-01", "2023-12")
    assert {g.situacao for g in result.lugares} == {"sem base"}


def test_nothing_depends_on_the_day_of_today(filled: Store) -> None:
    assert crescimento(filled).ate < date.today().isoformat()[:7]


def test_of_nothing_there_is_no_growth(store: Store) -> None:
    with pytest.raises(CityFeaturesError, match="no openings by month yet"):
        crescimento(store)
