"""Texts as numbers: digits are told and read as Python does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streaming.receita import texts
from tests.examples import examples

EIGHT = st.binary(min_size=8, max_size=8) | st.integers(0, 10**8 - 1).map(lambda n: b"%08d" % n)


@examples(100)
@given(st.lists(EIGHT, min_size=1, max_size=30))
def test_digits_are_told_and_read_as_python_does(words: list[bytes]) -> None:
    array = np.frombuffer(b"".join(words), np.uint8)
    read = texts.at(array, np.arange(len(words)) * 8, texts.EIGHT)

    assert texts.are_digits(read).tolist() == [word.isdigit() for word in words]
    numeric = [word for word in words if word.isdigit()]
    assert texts.numbers(read[texts.are_digits(read)]).tolist() == [int(word) for word in numeric]


@examples(100)
@given(st.lists(st.integers(0, 9999), min_size=1, max_size=30))
def test_shorter_texts_get_zeros_before_them(numbers: list[int]) -> None:
    array = np.frombuffer(b"".join(b"%04d" % number for number in numbers), np.uint8)
    read = texts.at(array, np.arange(len(numbers)) * 4, texts.FOUR)

    assert texts.numbers(texts.widened(read)).tolist() == numbers


@examples(100)
@given(st.lists(st.booleans(), max_size=60))
def test_places_are_those_that_are_true(mask: list[bool]) -> None:
    assert texts.places(np.array(mask, bool)).tolist() == [n for n, true in enumerate(mask) if true]
