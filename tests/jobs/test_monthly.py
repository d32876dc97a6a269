"""The openings of a place, month by month."""

from decimal import Decimal

import pytest

from streaming.errors import CityFeaturesError
from streaming.jobs import monthly
from streaming.jobs.monthly import Month
from streaming.store.store import Store
from tests.store.commits import add

BAND = "capital_ate_1000"


@pytest.fixture
def filled(store: Store) -> Store:
    """Two municipalities of one state and one of another, with a month that nobody opened in."""
    add(
        store,
        ("Natal", "RN", "2025-11", BAND, 4, "40.00"),
        ("Natal", "RN", "2026-01", BAND, 3, "30.05"),
        ("Mossoró", "RN", "2025-12", BAND, 1, "0.01"),
        ("Belém", "PA", "2026-02", BAND, 2, "2.00"),
    )
    return store


def month(mes: str, number: int, capital: str, mean: str | None = None) -> Month:
    return Month(mes, number, Decimal(capital), mean and Decimal(mean))  # type: ignore[arg-type]


def test_months_without_openings_are_there_with_zero(filled: Store) -> None:
    assert monthly.of(filled, "Natal/RN") == [
        month("2025-11", 4, "40.00"),
        month("2025-12", 0, "0.00"),
        month("2026-01", 3, "30.05", "2.33"),
    ]


def test_a_state_and_the_country_add_up_their_municipalities(filled: Store) -> None:
    assert monthly.of(filled, "RN") == [
        month("2025-11", 4, "40.00"),
        month("2025-12", 1, "0.01"),
        month("2026-01", 3, "30.05", "2.67"),
    ]
    assert monthly.of(filled, "BR") == [
        month("2025-11", 4, "40.00"),
        month("2025-12", 1, "0.01"),
        month("2026-01", 3, "30.05", "2.67"),
        month("2026-02", 2, "2.00", "2.00"),
    ]


def test_of_nothing_there_are_no_months(filled: Store) -> None:
    with pytest.raises(CityFeaturesError, match="nothing by month of 'Recife/PE'"):
        monthly.of(filled, "Recife/PE")
