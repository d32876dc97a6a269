"""Numbers, instants and text as people in Brazil read them."""

from decimal import Decimal

import pytest

from streaming.panel import brazilian

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "0"),
        (1234567, 0, "1.234.567"),
        (Decimal("1234.565"), 2, "1.234,57"),
        (Decimal("-0.5"), 1, "-0,5"),
        (None, 0, "–"),
    ],
)
def test_numbers_have_a_decimal_comma(value: Decimal | None, decimals: int, text: str) -> None:
    assert brazilian.number(value, decimals) == text


def test_money_is_shown_to_the_cent() -> None:
    assert brazilian.reais(Decimal("9007199254740991.01")) == f"R${SPACE}9.007.199.254.740.991,01"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1,00 mil"), (12345, "12,3 mil"), (18_882_793_887, "18,9 bi")],
)
def test_large_numbers_are_shortened(value: int, text: str) -> None:
    assert brazilian.short(value) == text.replace(" ", SPACE)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1536, "1,54 kB"), (10**9, "1,00 GB")]
)
def test_sizes_have_a_unit(count: int, text: str) -> None:
    assert brazilian.size(count) == text.replace(" ", SPACE)


def test_shares_are_percent() -> None:
    assert brazilian.percent(Decimal("0.1305")) == f"13,1{SPACE}%"
    assert brazilian.percent(-0.25, 0) == f"-25{SPACE}%"
    assert brazilian.percent(None) == "–"


@pytest.mark.parametrize(
    ("value", "text"), [("2026-10", "out/2026"), ("2026-13", "2026-13"), (None, "–")]
)
def test_months_have_their_names(value: str | None, text: str) -> None:
    assert brazilian.month(value) == text


def test_instants_are_by_the_clocks_of_brasilia() -> None:
    assert brazilian.instant("2026-11-26T02:30:00.5+00:00") == "25/11/2026 23:30:00"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7500, "2 h 5 min"), (172_800, "2 d"), (None, "–")],
)
def test_durations_have_two_units_at_most(seconds: float | None, text: str) -> None:
    assert brazilian.duration(seconds) == text


def test_what_is_not_printed_can_be_seen() -> None:
    assert brazilian.visible("São Paulo") == "São Paulo"
    assert (
        brazilian.visible("a\x00b\u202ec\udcff\u200d") == "a<00>b<202E>c\N{REPLACEMENT CHARACTER}<200D>"
    )
    assert brazilian.visible(f"R${SPACE}1") == f"R${SPACE}1"
