"""Rows of a file that are rejected: each with its reason and its text, the others count."""

import csv
import io

import pytest

from streaming.reading.messages import Rules
from tests.reading.files import BOTH, HEADER, NATAL, RECIFE, RULES, SAO_PAULO, Reader


def test_bytes_that_are_no_utf8_among_some_that_are_reject_their_row_alone(reader: Reader) -> None:
    result = reader(
        HEADER.encode()
        + SAO_PAULO.encode()
        + RECIFE.replace("e", "é").encode("latin-1")
        + NATAL.encode()
    )

    assert (result.read, result.places) == (3, BOTH)
    assert [reason for reason, _ in result.rejected] == ["row: invalid UTF-8"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("11222333000181,2024-01-31,Natal,RN", "row: wrong number of columns"),
        ("11222333000181,2024-01-31,Natal,RN,10.00,", "row: wrong number of columns"),
        ("11222333000181,2024-01-31,Natal,RN,1,000.00", "row: wrong number of columns"),
        ("11222333000181;2024-01-31;Natal;RN;10.00", "row: wrong number of columns"),
        ("lonely", "row: wrong number of columns"),
        ("  ", "row: wrong number of columns"),
        ('11222333000181,2024-01-31,"Na"tal,RN,10.00', "row: unbalanced quotes"),
        (",,,,", "cnpj: missing"),
        ("x,2024-01-31,Natal,RN,10.00", "cnpj: malformed"),
        ("11222333000181,,Natal,RN,10.00", "data_abertura: missing"),
        ("11222333000181,2024-01-31,,RN,10.00", "cidade: missing"),
        ('11222333000181,2024-01-31,"",RN,10.00', "cidade: missing"),
        ("11222333000181,2024-01-31,Natal,,10.00", "estado: missing"),
        ("11222333000181,2024-01-31,Natal,RN,", "capital_social: missing"),
        ("11222333000181,2024-01-31,\x01,RN,10.00", "cidade: control character"),
        ("11222333000181,2024-01-31,Natal,\x01,10.00", "estado: not one of the 27"),
        ("11222333000181,2024-01-31,Natal,RN,\x01", "capital_social: not a number"),
        ("11222333000181,\x01,Natal,RN,10.00", "data_abertura: not an ISO 8601 date or instant"),
        ("\x01,2024-01-31,Natal,RN,10.00", "cnpj: malformed"),
        ("11222333000181,2024-01-31,Na\x00tal,RN,10.00", "cidade: control character"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason_and_the_others_count(
    reader: Reader, row: str, reason: str
) -> None:
    result = reader(HEADER + RECIFE + row + "\n" + SAO_PAULO)

    assert (result.read, [why for why, _ in result.rejected]) == (3, [reason])
    assert result.places == [("Recife", "PE", "0.50", 1), BOTH[1]]
    if '"' not in row:
        assert result.rejected[0][1] == row


@pytest.mark.parametrize(
    "row",
    [
        '11222333000181,2024-01-31,"a, ""b"" c",XX,10.00',
        '"1,2",2024-01-31,Natal,RN,10.00',
        '11222333000181,2024-01-31,"a\nb",RN,10.00',
    ],
)
def test_the_text_of_a_rejected_row_reads_back_as_its_values(reader: Reader, row: str) -> None:
    ((_, text),) = reader(HEADER + row + "\n").rejected

    assert list(csv.reader(io.StringIO(text))) == list(csv.reader(io.StringIO(row)))


def test_a_rejected_row_tells_its_extra_columns_too(reader: Reader) -> None:
    result = reader("id," + HEADER + "7,x,2024-01-31,Natal,RN,10.00\n")

    assert result.rejected == [("cnpj: malformed", "7,x,2024-01-31,Natal,RN,10.00")]


@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
def test_a_line_of_megabytes_is_rejected_and_the_others_count(reader: Reader, quote: str) -> None:
    long = "22333444000181,2024-01-31," + quote + "x" * 3_000_000 + quote + ",PE,1.00\n"
    result = reader(HEADER + NATAL + long + SAO_PAULO)

    assert (result.read, result.places) == (3, BOTH)
    assert [reason.split(":")[0] for reason, _ in result.rejected] == ["row"]


def test_a_quote_that_never_closes_takes_the_rest_of_the_file_as_one_row(reader: Reader) -> None:
    result = reader(HEADER + NATAL + SAO_PAULO + '22333444000181,2024-01-31,"Recife,PE,1.00\n' + RECIFE)

    assert (result.read, result.places) == (3, BOTH)
    assert [reason for reason, _ in result.rejected] == ["row: unbalanced quotes"]


def test_wrong_check_digits_are_counted_and_reject_in_strict_mode(reader: Reader) -> None:
    content = HEADER + NATAL + NATAL.replace("81,", "80,", 1).replace("0001", "0002")

    counted = reader(content)
    strict = reader(content, rules=Rules(RULES.now, strict=True))

    assert (counted.wrong_digits, counted.rejected, counted.places[0][3]) == (1, [], 2)
    assert [reason for reason, _ in strict.rejected] == ["cnpj: wrong check digits"]
    assert strict.places == BOTH[:1]
