"""Numbers, months and instants as Brazilians write them, and text that anyone may have written."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

BRASILIA = ZoneInfo("America/Sao_Paulo")
MONTHS = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")
SHORT = ((10**12, "tri"), (10**9, "bi"), (10**6, "mi"), (10**3, "mil"), (1, ""))
BYTES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))
NOTHING = "\N{EN DASH}"
SPACES = "\N{NO-BREAK SPACE}\n"


def number(value: float | Decimal | None, decimals: int = 0) -> str:
    """Return 1234567.891 as 1.234.567,89 (half up); a dash where it is not known."""
    if value is None:
        return NOTHING
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def reais(value: Decimal | None) -> str:
    """Return an amount to the cent: R$ 1.234,50."""
    return NOTHING if value is None else f"R$\N{NO-BREAK SPACE}{number(value, 2)}"


def short(value: float | Decimal, unit: str = "") -> str:
    """Return a large number with three digits or so: 1,23 mi."""
    return "\N{NO-BREAK SPACE}".join(part for part in (unit, *_scaled(value, SHORT)) if part)


def size(count: int) -> str:
    """Return a number of bytes in a unit that suits it."""
    return "\N{NO-BREAK SPACE}".join(_scaled(count, BYTES))


def _scaled(value: float | Decimal, units: Sequence[tuple[int, str]]) -> tuple[str, str]:
    """Return a number in the first unit that it reaches, with its name."""
    size = abs(Decimal(value))
    scale, name = next(((least, word) for least, word in units if size >= least), units[-1])
    scaled = Decimal(value) / scale
    decimals = 0 if scale == 1 and scaled == int(scaled) else 2 if abs(scaled) < 10 else 1
    return number(scaled, decimals), name


def percent(value: float | Decimal | None, decimals: int = 1) -> str:
    """Return a share of 0.123 as 12,3 %."""
    if value is None:
        return NOTHING
    return f"{number(Decimal(str(value)) * 100, decimals)}\N{NO-BREAK SPACE}%"


def month(value: str | None) -> str:
    """Return 2026-10 as out/2026; a text that is no such month as it is."""
    if value is None or not (value[5:].isdecimal() and 1 <= int(value[5:]) <= len(MONTHS)):
        return value or NOTHING
    return f"{MONTHS[int(value[5:]) - 1]}/{value[:4]}"


def instant(value: str | datetime | None) -> str:
    """Return an instant (ISO 8601) by the clocks of Brasília, to the second."""
    if value is None:
        return NOTHING
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(BRASILIA):%d/%m/%Y %H:%M:%S}"


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units: 2 h 5 min."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    parts = (
        (whole // 86400, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "min"),
        (whole % 60, "s"),
    )
    first = next((n for n, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def visible(text: str) -> str:
    """Return a text in which controls, directions of writing and broken bytes can be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in SPACES else _shown(c) for c in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) == "Cs":  # a byte that is no UTF-8
        return "\N{REPLACEMENT CHARACTER}"
    return f"<{ord(character):02X}>"
