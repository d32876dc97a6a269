"""
Short texts of fixed width as numbers: their bytes as they lie in memory, the first one lowest.

Eight digits are then one number, and tested and read by a few operations on it instead of one on each
byte ("SIMD within a register"); NumPy does so for thousands of lines at a time.
"""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]

EIGHT, FOUR, TWO, ONE = "<u8", "<u4", "<u2", "u1"
"""Kinds of texts, by width."""

ZEROS = np.uint64(0x3030303030303030)
_HIGH = np.uint64(0xF0F0F0F0F0F0F0F0)
_SIX = np.uint64(0x0606060606060606)
_PAIRS = np.uint64(0x000000FF000000FF)


def at(array: Bytes, places: Numbers, kind: str) -> NDArray[np.unsignedinteger]:
    """Return the texts of this kind that begin at these places; they have to lie inside."""
    width = np.dtype(kind).itemsize
    return np.ndarray((max(len(array) - width + 1, 0),), kind, array, 0, (1,))[places]


def widened(texts: NDArray[np.unsignedinteger]) -> Words:
    """Return texts of 1, 2 or 4 characters with zeros before them, as texts of eight."""
    width = 8 * texts.dtype.itemsize
    before = ZEROS >> np.uint64(width)
    return (texts.astype(np.uint64) << np.uint64(64 - width)) | before


def are_digits(texts: Words) -> NDArray[np.bool_]:
    """Return which texts of eight have digits alone."""
    fits: NDArray[np.bool_] = ((texts & _HIGH) == ZEROS) & ((texts + _SIX & _HIGH) == ZEROS)
    return fits


def numbers(texts: Words) -> Words:
    """Return the numbers that texts of eight digits mean."""
    texts = texts - ZEROS
    texts = texts * np.uint64(10) + (texts >> np.uint64(8))
    high = (texts & _PAIRS) * np.uint64(0x000F424000000064)
    low = (texts >> np.uint64(16) & _PAIRS) * np.uint64(0x0000271000000001)
    return high + low >> np.uint64(32)


def as_bytes(texts: NDArray[np.unsignedinteger]) -> Bytes:
    """Return texts as rows of bytes."""
    return np.ascontiguousarray(texts).view(np.uint8).reshape(-1, texts.dtype.itemsize)


def word(text: str, kind: str) -> int:
    """Return one text of the kind's width as a number."""
    return int(np.frombuffer(text.encode("latin-1", "replace"), kind)[0])


def places(mask: NDArray[np.bool_]) -> Numbers:
    """Return where a mask is true, fast where that is seldom."""
    whole = len(mask) // 8 * 8
    words = np.flatnonzero(mask[:whole].view(np.uint64) != 0)  # booleans are searched fastest
    candidates = (words[:, None] * 8 + np.arange(8)).ravel()
    rest = np.flatnonzero(mask[whole:]) + whole
    return np.concatenate([candidates[mask[candidates]], rest])
