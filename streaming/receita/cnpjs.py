"""CNPJs as three texts (root, branch, check digits): their form, their order and their check digits."""

import numpy as np
from numpy.typing import NDArray

from streaming.receita import texts
from streaming.receita.texts import Bytes, Words

ROOT, COMPANY, CNPJ = 8, 12, 14
"""Characters: of the company, with the branch, with the check digits."""

FIELDS = [("root", texts.EIGHT), ("branch", texts.FOUR), ("digits", texts.TWO)]
"""The fields of a record that are its CNPJ."""


def are_valid(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """
    Return which have 12 digits or capital letters and 2 digits.

    Letters are issued since 31 July 2026 (Instrução Normativa RFB 2.229/2024); small ones never.
    """
    valid = texts.are_digits(rows["root"])
    for name in ("branch", "digits"):
        valid &= texts.are_digits(texts.widened(rows[name]))
    others = np.flatnonzero(~valid)
    valid[others] = _may_have_letters(as_bytes(rows[others]))
    return valid


def _may_have_letters(cnpjs: Bytes) -> NDArray[np.bool_]:
    are_digits = cnpjs - np.uint8(ord("0")) <= 9  # what is less wraps around
    are_letters = cnpjs - np.uint8(ord("A")) <= 25
    are_letters[:, COMPANY:] = False
    fits: NDArray[np.bool_] = np.all(are_digits | are_letters, axis=1)
    return fits


def as_bytes(rows: NDArray[np.void]) -> Bytes:
    """Return the CNPJs as rows of 14 bytes."""
    columns = [texts.as_bytes(rows[name]) for name, _ in FIELDS]
    return np.concatenate(columns, axis=1)


def sortable(column: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return texts as numbers in the order of the texts, letters and digits alike."""
    return column.byteswap()


def groups(roots: Words, many: int) -> NDArray[np.uint16]:
    """Return for each root one of so many groups, up to 65,536: a hash of its text."""
    # 2^64 by the golden ratio scatters neighbours (Knuth, multiplicative hashing).
    scattered = roots * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)
    return (scattered * np.uint64(many) >> np.uint64(32)).astype(np.uint16)
