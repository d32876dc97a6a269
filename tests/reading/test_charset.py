"""Which encoding a file is in: what its bytes are evidence of, all of them together."""

import random
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.reading import charset, scan
from streaming.reading.charset import UTF8, WINDOWS
from tests.examples import examples

CITIES = ["São Paulo", "Maceió", "Belém", "Açu", "Goiânia", "Antônio João", "À Beira"]


def encoding(content: bytes) -> str:
    return scan.scan(BytesIO(content)).encoding


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Natal", UTF8),
        ("São Paulo".encode(), UTF8),
        ("São Paulo".encode("latin-1"), WINDOWS),
        (b"MACEI\xd3\xa0\nMACEI\xd3\nBEL\xc9M", WINDOWS),  # the second byte a no-break space
        (b"MACEI\xd3\xa0\nMACEI\xd3\xa0\nBEL\xc9M", WINDOWS),
        (b"MACEI\xd3\xa0", WINDOWS),  # all of it valid
        (b"PONTA POR\xc3\xa0\nBEL\xc9M", WINDOWS),
        (b"\x93S\xc3O JOS\xc9\x94", WINDOWS),
        (b"\x93PONTA POR\xc3\x94\nBEL\xc9M", WINDOWS),
        (b"Santa B\xe1rbara d\x92Oeste \x96 \x80", WINDOWS),
        ("São Paulo\n".encode() + b"R\xe9cif\xe9", UTF8),
        ("São Paulo\n".encode() + b"S\xc3", UTF8),
        ("São".encode() + b"\xed\xa0\x80", UTF8),  # a surrogate
        (b"S\xc3", WINDOWS),
        ("METRÔ".encode(), UTF8),
        ("ANTÔNIO".encode() + b"\xff", UTF8),
        ("Москва".encode(), UTF8),
        ("🏙".encode() + b"\xff", UTF8),
        ("Sa\u0303o".encode() + b"\xff", UTF8),
        (b"\xef\xbb\xbfNatal\xff", UTF8),
        (bytes(range(0x80, 0x100)) * 1000, WINDOWS),
        (b"", UTF8),
    ],
)
def test_the_encoding_is_what_most_bytes_speak_for(content: bytes, expected: str) -> None:
    assert encoding(content) == expected


@examples(60)
@given(st.lists(st.sampled_from(CITIES), min_size=20, max_size=200), st.integers(1, 5), st.randoms())
def test_some_accidental_pairs_do_not_make_windows_1252_utf8(
    cities: list[str], accidents: int, chance: random.Random
) -> None:
    lines = [chance.choice((city, city.upper())) for city in cities]
    lines += chance.choices(["MACEIÓ\xa0", "PORÃ\xa0", "SÃO JOSÉ”", "AVARÉ–SP"], k=accidents)
    chance.shuffle(lines)

    assert encoding("\n".join(lines).encode("windows-1252")) == WINDOWS


@examples(60)
@given(st.lists(st.sampled_from(CITIES), min_size=20, max_size=200), st.integers(1, 5), st.randoms())
def test_some_damaged_bytes_do_not_make_utf8_windows_1252(
    cities: list[str], damages: int, chance: random.Random
) -> None:
    content = bytearray("\n".join(chance.choice((city, city.upper())) for city in cities).encode())
    for _ in range(damages):
        content[chance.randrange(len(content))] = chance.choice(b"\x80\xc3\xe3\xff")

    assert encoding(bytes(content)) == UTF8


@pytest.mark.parametrize("cut", range(5))
def test_a_character_that_two_chunks_share_is_one(cut: int) -> None:
    pad = b"x" * (scan.CHUNK - cut)

    assert encoding(pad + "ã🏙".encode()) == UTF8
    assert encoding(pad + "ã".encode() + b"\xff\xff") == UTF8
    assert encoding(pad[:-6] + b"MACEI\xd3\xa0\n" + b"BEL\xc9M") == WINDOWS


def test_every_byte_of_windows_1252_is_text_and_comes_back() -> None:
    every = bytes(range(256))

    text = charset.decode(every, WINDOWS)

    assert len(set(text)) == 256
    assert text.encode()  # valid text: no surrogates
    assert charset.escaped(text, WINDOWS).encode(WINDOWS, "surrogateescape") == every


@pytest.mark.parametrize("before", range(-3, 3))
def test_an_accident_is_one_where_two_chunks_meet_too(before: int) -> None:
    content = b"x" * (scan.CHUNK - 6 + before) + b"\nMACEI\xd3\xa0\n"

    assert encoding(content) == WINDOWS
