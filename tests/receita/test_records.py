"""Lines that are not as they should be: read strictly, split, joined, or rejected."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.receita import lines
from streaming.receita.layout import EMPRECSV, ESTABELE, fields
from tests.examples import examples
from tests.receita.files import (
    EMPRECSV as EMPRECSV_NAME,
)
from tests.receita.files import (
    ESTABELE as ESTABELE_NAME,
)
from tests.receita.files import Result, company, establishment, read, read_lines, row

JOINED = {"estabelecimento_linha_quebrada_unida": 1}
OTHER = establishment(root="99990002", digits="32")
BOTH = [company(), company("99990002")]


@pytest.mark.parametrize(
    "values",
    [
        {"street": 'RUA ""DO ZE""'},
        {"street": 'RUA "DO ZE"'},
        {"street": 'RUA "DO ZE'},
        {"street": 'RUA DO ZE"'},
        {"street": '"'},
        {"street": '""'},
        {"street": 'RUA "'},
        {"street": "RUA; DO ZE;"},
        {"street": ";"},
        {"street": ";;"},
        {"street": "RUA DO ZE\\"},
        {"street": "\\\\"},
        {"street": "RUA\tDO\x07ZE"},
        {"street": "RUA DO ZÉ \x80\x9f\xa0ÿ"},
        {"street": "RUA\x85DO\x0bZE\x1c"},
        {"fantasia": "A, B", "extra": "'"},
    ],
    ids=lambda values: ascii(values),
)
def test_odd_text_in_a_field_moves_no_column(values: dict[str, str], tmp_path: Path) -> None:
    assert read_lines(tmp_path, [establishment(**values)]) == Result([row()])


def test_fields_without_quotes_are_read(tmp_path: Path) -> None:
    bare = establishment().replace('"', "")

    assert read_lines(tmp_path, [bare], [company().replace('"', "")]) == Result([row()])


@pytest.mark.parametrize("place", range(18, 146, 8))
def test_a_record_broken_after_its_beginning_is_joined(place: int, tmp_path: Path) -> None:
    text = establishment(street="DAS FLORES FICTICIAS", extra="FUNDOS")
    broken = [text[:place], text[place:]]

    result = read_lines(tmp_path, [OTHER, *broken, OTHER], BOTH)

    counts = {**JOINED, "estabelecimento_repetido": 1}
    assert result == Result([row(), row("99990002000132")], counts)


def test_a_blank_line_inside_a_broken_record_is_nothing(tmp_path: Path) -> None:
    text = establishment()

    assert read_lines(tmp_path, [text[:90], "", text[90:], "", " "]) == Result([row()], JOINED)


def test_a_record_over_three_lines_is_rejected_line_by_line(tmp_path: Path) -> None:
    text = establishment()

    result = read_lines(tmp_path, [text[:60], text[60:90], text[90:], OTHER], BOTH)

    assert result == Result([row("99990002000132")], {"estabelecimento_colunas": 3})


def test_a_broken_record_never_takes_a_whole_one(tmp_path: Path) -> None:
    result = read_lines(tmp_path, [establishment()[:90], OTHER], BOTH)

    assert result == Result([row("99990002000132")], {"estabelecimento_colunas": 1})


def test_two_beginnings_are_never_one_record(tmp_path: Path) -> None:
    whole = establishment().split(";")
    halves = [";".join(whole[:10]) + ";", ";".join(whole[:20])]

    result = read_lines(tmp_path, [*halves, OTHER], BOTH)

    assert result == Result([row("99990002000132")], {"estabelecimento_colunas": 2})


def test_a_line_that_goes_on_with_nothing_is_rejected(tmp_path: Path) -> None:
    text = establishment()

    result = read_lines(tmp_path, [text[90:], OTHER, text[90:]], BOTH)

    assert result == Result([row("99990002000132")], {"estabelecimento_colunas": 2})


def test_a_record_whose_root_is_none_stands_for_itself(tmp_path: Path) -> None:
    lines_ = [establishment()[:90], establishment(root="9999"), OTHER]

    result = read_lines(tmp_path, lines_, BOTH)

    counts = {"estabelecimento_colunas": 1, "cnpj_invalido": 1}
    assert result == Result([row("99990002000132")], counts)


@pytest.mark.parametrize("lines_", [[], ["", "  "], ["\x00"]])
def test_nothing_is_read_as_nothing(lines_: list[str], tmp_path: Path) -> None:
    assert read_lines(tmp_path, lines_) == Result([])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("is_ended", [True, False])
def test_lines_end_as_on_unix_or_windows(line_end: bytes, is_ended: bool, tmp_path: Path) -> None:
    for name, texts in ((ESTABELE_NAME, [establishment(), OTHER]), (EMPRECSV_NAME, BOTH)):
        content = line_end.join(text.encode() for text in texts)
        (tmp_path / name).write_bytes(content + line_end * is_ended)

    assert read(tmp_path) == Result([row(), row("99990002000132")])


@pytest.mark.parametrize("text", ["\ufeff{}", "{}"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_utf_16_and_marks_of_utf_8_are_seen(text: str, encoding: str, tmp_path: Path) -> None:
    for name, line in ((ESTABELE_NAME, establishment(street="SÃO “JOSÉ”")), (EMPRECSV_NAME, company())):
        (tmp_path / name).write_bytes(text.format(f"{line}\r\n").encode(encoding))

    assert read(tmp_path) == Result([row()])


def test_nuls_are_dropped_wherever_they_are(tmp_path: Path) -> None:
    text = establishment().replace("99990001", "9999\x000001").replace("SP", "S\x00P\x00")

    assert read_lines(tmp_path, [text]) == Result([row()])


FIELD = st.text('A;" \\\r', max_size=4)


@examples(100)
@given(st.lists(st.lists(FIELD, min_size=6, max_size=8), min_size=1, max_size=6))
def test_lines_in_the_usual_form_are_what_a_strict_reader_reads(texts: list[list[str]]) -> None:
    written = [";".join(f'"{text}"' for text in row_) for row_ in texts]
    content = "\n".join(written).encode().replace(b"\r\n", b"\n")
    block = lines.block(content, EMPRECSV)

    for number, places in zip(block.usual.tolist(), block.separators.T.tolist(), strict=True):
        start, end = int(block.starts[number]), int(block.ends[number])
        strict = fields(content[start:end], EMPRECSV)
        edges = [start - 2, *places]
        between = [content[a + 3 : b].decode() for a, b in pairwise(edges)]
        assert strict is not None and strict[: len(between)] == between


@pytest.mark.parametrize("layout", [EMPRECSV, ESTABELE], ids=lambda layout: layout.kind)
def test_lines_as_published_are_in_the_usual_form(layout: object) -> None:
    text = company() if layout is EMPRECSV else establishment()
    block = lines.block(f"{text}\n{text}\n".encode(), layout)  # type: ignore[arg-type]

    assert block.usual.tolist() == [0, 1]
