"""
Counts cities whose text was decoded in a wrong encoding before the file arrived.

Their rows fit every rule and count, under a wrong name. So the service warns, and rejects nothing.
"""

from typing import TypedDict

import pyarrow as pa
import pyarrow.compute as pc

EXAMPLE_LENGTH = 60

# Beyond ASCII, names of Brazilian places have these letters, and these signs.
_LETTERS = "ÁÂÃÀÇÉÊÍÑÓÔÕÚÜáâãàçéêíñóôõúü"
_SIGNS = r"ªº°\x{B4}\x{B7}\x{2010}-\x{2014}\x{2018}\x{2019}\x{201C}\x{201D}\x{20AC}"
_BLANKS = r"\x{A0}\x{2000}-\x{200D}\x{2028}\x{2029}\x{202F}"
# What single bytes, or pairs of them, become in the wrong encoding: letters and signs of Europe and the
# Middle East, punctuation, lines and boxes, U+FFFD. Not Asian letters, nor emoji.
_OTHERS = r"\x{0800}-\x{1FFF}\x{2C00}-\x{FFFC}\x{10000}-\x{10FFFF}"

_PATTERN = "|".join(
    (
        rf"[^\x{{00}}-\x{{7F}}{_LETTERS}{_SIGNS}{_BLANKS}{_OTHERS}]",  # SÃ£o, S├úo, SÆo
        rf"[ÂÃ][{_SIGNS}]",  # UTF-8 read as Windows-1252, also where that is a usual sign: TietÃª
        r"\pL\x{201C}\pL|\pL\x{2014}",  # Ant“nio (CP850), Macei— (Mac Roman)
        r"[A-ZÀ-Þ]{2}[à-þ]|[à-þ][A-ZÀ-Þ]",  # MACEIà (CP850), LçBREA (Mac Roman)
        r"\pL\?\pL",  # S?o
    )
)


class Mangled(TypedDict):
    """How many rows, and one of their cities, shortened and without control characters."""

    mangled: int
    mangled_example: str | None


def marked(places: pa.Table) -> pa.Table:
    """
    Return places, each a spelling of `cidade`, with the column `mangled` (bool).

    It is true where the city looks wrongly decoded. Ask for many files at once: compiling the
    expression takes 3 ms, as long as reading a small file.
    """
    return places.append_column("mangled", pc.match_substring_regex(places["cidade"], _PATTERN))


def count(places: pa.Table) -> Mangled:
    """Count the `rows` of places that are `mangled`."""
    wrong = places.filter(places["mangled"])
    if not len(wrong):
        return {"mangled": 0, "mangled_example": None}
    cidade = str(min(wrong["cidade"].to_pylist()))[:EXAMPLE_LENGTH]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cidade)
    return {"mangled": int(pc.sum(wrong["rows"]).as_py()), "mangled_example": shown}
