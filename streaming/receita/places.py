"""Municipalities by the code that Receita Federal uses (SIAFI, 4 digits)."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from streaming.domain import municipalities
from streaming.receita import texts

ABROAD_UF, ABROAD_CODE = texts.word("EX", texts.TWO), 9707
UNKNOWN = -1


@cache
def _tables() -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Return by code the number of the municipality and its state."""
    numbers = np.full(10_000, UNKNOWN, np.int16)
    states = np.zeros(10_000, np.uint16)
    for number, municipality in enumerate(municipalities.every()):
        code = int(municipality.codigo_siafi)
        numbers[code], states[code] = number, texts.word(municipality.uf, texts.TWO)
    return numbers, states


def numbers(codes: NDArray[np.int16], states: NDArray[np.uint16]) -> NDArray[np.int16]:
    """Return the number in `municipalities.every` that code and state mean, UNKNOWN if they disagree."""
    by_code, state_of = _tables()
    return np.where(state_of[codes] == states, by_code[codes], np.int16(UNKNOWN))


def names() -> list[str]:
    """Return the official names of the municipalities, by number."""
    return [municipality.nome for municipality in municipalities.every()]


def states() -> list[str]:
    """Return the states of the municipalities, by number."""
    return [municipality.uf for municipality in municipalities.every()]
