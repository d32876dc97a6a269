"""Whatever a file holds, each of its rows is read, and either fits or is rejected."""

import csv
import io
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import FileRejected
from streaming.reading import dialect
from tests.examples import examples
from tests.reading.files import HEADER, NATAL, RECIFE, read

CELL = st.sampled_from(
    [
        "11222333000181",
        "2024-01-31",
        "Natal",
        "RN",
        "10.00",
        "",
        " ",
        '"',
        'a"b',
        "a,b",
        "a;b",
        "a\nb",
        "São",
        "\n",
    ]
)
FITTING = st.builds(
    lambda n, city, cents: [f"{n:08}000100", "2024-01-31", city, "RN", f"{cents / 100:.2f}"],
    st.integers(0, 20),
    st.sampled_from(["Natal", "Caicó", "Passa, e Fica", 'A "B"']),
    st.integers(0, 10_000),
)


@examples(50)
@given(st.lists(FITTING | st.lists(CELL, min_size=1, max_size=7), max_size=15), st.sampled_from(",;"))
def test_every_row_is_read_and_either_fits_or_is_rejected(rows: list[list[str]], separator: str) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator="\n")
    writer.writerow(dialect.COLUMNS)
    for row in rows:
        if len(row) == 5 and separator == ";":
            row = [*row[:4], row[4].replace(".", ",")]
        writer.writerow(row)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.csv"
        path.write_text(written.getvalue())
        result = read(path)

    parsed = csv.reader(io.StringIO(written.getvalue()), delimiter=separator)
    records = [record for record in parsed if record][1:]
    counted: dict[str, tuple[str, Decimal]] = {}
    fits = 0
    for record in records:
        if (
            len(record) == 5
            and record[0].isdigit()
            and record[1:2] == ["2024-01-31"]
            and record[3] == "RN"
        ):
            city, capital = record[2], record[4].replace(",", ".")
            if (
                capital.replace(".", "", 1).isdigit()
                and "\n" not in city
                and city.strip()
                and len(record[0]) == 14
            ):
                fits += 1
                counted.setdefault(record[0][:12], (city, Decimal(capital)))
    assert result.read == len(records) == fits + len(result.rejected)
    assert len(result.companies) == sum(place[3] for place in result.places) == len(counted)
    assert sum((Decimal(place[2]) for place in result.places), Decimal(0)) == sum(
        (capital for _, capital in counted.values()), Decimal(0)
    )


@examples(50)
@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b'"',
                b",",
                b"\n",
                b"\r",
                b"\r\n",
                b"\0",
                b"\x01",
                b"\xff",
                b"\xc3",
                b"\xa3",
                b"a",
                NATAL.encode(),
            ]
        ),
        max_size=25,
    ).map(b"".join)
)
def test_whatever_follows_a_header_no_row_is_lost_and_nothing_fails(rest: bytes) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.csv"
        path.write_bytes((HEADER + RECIFE).encode() + rest + b"\n")
        try:
            result = read(path)
        except FileRejected:
            return
    assert all(type(reason) is str and type(raw) is str for reason, raw in result.rejected)
    assert result.read >= len(result.rejected) + 1
    assert ("Recife", "PE", "0.50", 1) in result.places
    assert all(cidade != "None" and estado != "None" for cidade, estado, *_ in result.places)
    assert len(result.companies) == sum(place[3] for place in result.places)
