"""A month of openings as files bring it: five spellings a place, unknown cities, rejects and repeats."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from random import Random

from tests.end_to_end.plain import MUNICIPALITIES
from tests.oracle import Row

UNKNOWN, REJECTED, REPEATED = 0.02, 0.01, 0.03


def _plain(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))


def _particles(name: str) -> str:
    """Write d'Oeste as do Oeste, and leave out each other particle."""
    return re.sub(r"\b(de|da|do|das|dos) ", "", re.sub(r"\bd'", "do ", name, flags=re.IGNORECASE))


SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda name: _plain(name).upper(),
    lambda name: f" {name.lower().replace(' ', '  ')}",
    lambda name: _particles(_plain(name)).replace("-", " "),
)
NOWHERE = (("Vila  Inventada", "SP"), ("Nova Lua", "MG"), ("Natal", "SP"), ("Sào Vicente", "AM"))
WRONG: tuple[Callable[[Row], Row], ...] = (
    lambda row: (row[0][:13], *row[1:]),
    lambda row: (row[0], "2026-09-31", *row[2:]),
    lambda row: (row[0], "ontem", *row[2:]),
    lambda row: (*row[:2], " ", *row[3:]),
    lambda row: (*row[:2], "Natal/RN", *row[3:]),
    lambda row: (*row[:3], "XX", row[4]),
    lambda row: (*row[:4], "1.000,00"),
    lambda row: (*row[:4], "0.001"),
    lambda row: (*row[:4], "-1.00"),
)


def rows(seed: int) -> Iterator[Row]:
    """Yield rows without end, the same for the same seed."""
    random = Random(seed)
    places = [(m["nome"], m["uf"]) for m in MUNICIPALITIES]
    weights = list(accumulate(int(m["populacao_2024"] or 1) for m in MUNICIPALITIES))
    cnpjs: list[str] = []
    while True:
        chance = random.random()
        repeats = chance < REPEATED and cnpjs
        cnpj = random.choice(cnpjs) if repeats else _cnpj(len(cnpjs))
        if not repeats:
            cnpjs.append(cnpj)
        cidade, estado = random.choices(places, cum_weights=weights)[0]
        cidade = random.choice(SPELLINGS)(cidade)
        if random.random() < UNKNOWN:
            cidade, estado = random.choice(NOWHERE)
        row = (_written(cnpj, random), _opened(random), cidade, estado, _capital(random))
        yield random.choice(WRONG)(row) if random.random() < REJECTED else row


def files(sizes: list[int], seed: int) -> list[list[Row]]:
    """Return files of these many rows."""
    made = rows(seed)
    return [list(islice(made, size)) for size in sizes]


def _cnpj(number: int) -> str:
    """Return a bare CNPJ; some have letters. Its check digits are wrong, which rejects nothing."""
    root = f"AB{number:06d}" if number % 50 == 0 else f"{10_000_000 + number}"
    return f"{root}000199"


def _written(cnpj: str, random: Random) -> str:
    if random.random() < 0.7:
        return cnpj
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"


def _opened(random: Random) -> str:
    """Return an instant in September 2026; now and then a date, or one that is October in UTC."""
    kind, day = random.random(), f"2026-09-{random.randint(1, 30):02d}"
    if kind < 0.7:
        return f"{day}T{random.randint(8, 18):02d}:{random.randint(0, 59):02d}:00Z"
    if kind < 0.9:
        return day
    return "2026-09-30T23:30:00-03:00" if kind < 0.95 else "2026-08-31"


def _capital(random: Random) -> str:
    """Return reais: mostly small and round, some at the bounds of the bands, few large, few absurd."""
    kind = random.random()
    if kind < 0.6:
        return random.choice(("0", "1.00", "1000.00", "2500", "5000.0", "10000.00"))
    if kind < 0.9:
        return f"{random.randint(0, 5_000_000) / 100:.2f}"
    if kind < 0.9999:
        return random.choice(("50000.01", "100000.00", "499999.99", "1000000.01", "10000000.00"))
    return random.choice(("10000000.01", "999999999999.99"))
