"""Files of companies with whatever goes wrong in files, the same for the same seed."""

from dataclasses import dataclass
from random import Random

COLUMNS = (b"cnpj", b"data_abertura", b"cidade", b"estado", b"capital_social")
CITIES = ("Natal", "São Paulo", "Macau", "Açu")
NASTY = (
    b"\xc3",
    b"\xff",
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\x80",
    b"\0",
    b"\x01",
    b'"',
    b'""',
    b",",
    b";",
    b"\n",
    b"\r",
    b" ",
    b"\\",
    b'\\"',
    b"'",
    "\U0010fe90".encode(),
    "ã".encode(),
    b"\xef\xbb\xbf",
)


@dataclass(frozen=True)
class Nasty:
    """A file; without quotes, `rows` are its lines below the header that are not blank, split."""

    content: bytes
    header: list[bytes]
    separator: bytes
    rows: list[list[bytes]] | None


def nasty(random: Random, *, quotes: bool = True) -> Nasty:
    """Return a file whose rows are mostly good; some are not, in any of their columns."""
    separator = random.choice((b",", b";"))
    extra = random.choice(((), (), (b"nota",), (b"", b"x"), (b"nota", b"razao", b"y")))
    header = [*COLUMNS, *extra]
    if random.random() < 0.5:
        random.shuffle(header)
    end = random.choice((b"\n", b"\n", b"\r\n", b"\r", None))
    lines = [separator.join(header)]
    for number in range(random.choice((0, 1, 2, 5, 9, 12, 2047 if random.random() < 0.1 else 3))):
        row = _good(random, number, header, separator)
        if quotes and random.random() < 0.2:
            row = [b'"' + cell + b'"' for cell in row]
        if random.random() < 0.4:
            _spoil(random, row, quotes)
        lines.append(separator.join(row))
        if random.random() < 0.05:
            lines.append(random.choice((b"", b"", b" ", separator, b"\xc3")))
    ends = [end or random.choice((b"\n", b"\r\n", b"\r")) for _ in lines]
    if random.random() < 0.3:
        ends[-1] = b""
    start = random.choice((b"", b"", b"", b"\xef\xbb\xbf", b"\n"))
    content = start + b"".join(line + e for line, e in zip(lines, ends, strict=True))
    plain = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    rows = [line.split(separator) for line in plain.split(b"\n") if line][1:]
    return Nasty(content, header, separator, None if b'"' in content else rows)


def _good(random: Random, number: int, header: list[bytes], separator: bytes) -> list[bytes]:
    cents = random.randrange(10_000)
    values = {
        b"cnpj": f"{random.choice((number, number, 3)):08}000100".encode(),
        b"data_abertura": b"2024-01-31" if random.random() < 0.9 else b"ontem",
        b"cidade": random.choice(CITIES).encode(),
        b"estado": b"RN",
        b"capital_social": f"{cents // 100}{'.' if separator == b',' else ','}{cents % 100:02}".encode(),
    }
    return [values.get(name, b"n\xc3\xa3o") for name in header]


def _spoil(random: Random, row: list[bytes], quotes: bool) -> None:
    what = random.random()
    if what < 0.1:
        row.append(random.choice((b"", b"x", b'""' if quotes else b"y")))
    elif what < 0.2:
        del row[random.randrange(len(row)) :]
    else:
        for _ in range(random.choice((1, 1, 2))):
            at = random.randrange(len(row))
            cut = random.randrange(len(row[at]) + 1)
            bad = random.choice([n for n in NASTY if quotes or b'"' not in n])
            row[at] = row[at][:cut] + bad + row[at][cut:]
