"""
What all features have to be, in plain Python: written from docs/features.md and docs/input-formats.md.

It knows of input what the tests here make: UTF-8, commas, CNPJs of either kind, dates and instants.
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from tests.harness import ROOT
from tests.oracle import Row

DATA = ROOT / "streaming" / "domain" / "data"
FIRST_DAY, TODAY = date(1800, 1, 1), date.today()
PARTICLES = {"DE", "DA", "DO", "DAS", "DOS", "D"}
CNPJ = re.compile(r"[0-9A-Z]{12}\d\d|[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d\d")
OPENED = re.compile(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?")
CAPITAL = re.compile(r"\d{1,12}(\.\d{1,2})?")
BANDS = (
    (Decimal(0), "capital_0"),
    *((Decimal(bound), f"capital_ate_{bound}") for bound in (1_000, 5_000, 10_000, 50_000)),
    *((Decimal(bound), f"capital_ate_{bound}") for bound in (100_000, 500_000, 1_000_000, 10_000_000)),
    (Decimal("Infinity"), "capital_acima_de_10000000"),
)


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


MUNICIPALITIES = _rows("municipios.csv")
CODES = {(m["nome"], m["uf"]): m["codigo_ibge"] for m in MUNICIPALITIES}
UFS = {m["uf"] for m in MUNICIPALITIES}


def words(name: str) -> list[str]:
    """Return the words of a name: capital letters without accents, and digits."""
    plain = "".join(
        c for c in unicodedata.normalize("NFD", name.upper()) if not unicodedata.combining(c)
    )
    return re.findall("[A-Z0-9]+", plain)


def _spellings() -> dict[tuple[str, str], str]:
    """Return the official name by state and letters, with all particles and with none."""
    names = {m["codigo_ibge"]: m["nome"] for m in MUNICIPALITIES}
    written = [(m["nome"], m["uf"], m["codigo_ibge"]) for m in MUNICIPALITIES]
    written += [(a["spelling"], a["uf"], a["codigo_ibge"]) for a in _rows("aliases.csv")]
    known: dict[tuple[str, str], str] = {}
    for name, uf, code in written:
        for letters in (words(name), _bare(name)):
            known.setdefault((uf, "".join(letters)), names[code])
    return known


def _bare(name: str) -> list[str]:
    return [word for word in words(name) if word not in PARTICLES]


KNOWN = _spellings()


def resolved(cidade: str, uf: str) -> tuple[str, bool]:
    """Return the name that a city counts under, and whether it is a municipality of that state."""
    for letters in (words(cidade), _bare(cidade)):
        if official := KNOWN.get((uf, "".join(letters))):
            return official, True
    return unicodedata.normalize("NFC", " ".join(cidade.split())), False


@cache
def is_day(opened: str) -> bool:
    """Return whether this is an ISO 8601 date or instant, neither before 1800 nor in the future."""
    matched = OPENED.fullmatch(opened)
    try:
        return matched is not None and FIRST_DAY <= date.fromisoformat(matched[1]) <= TODAY
    except ValueError:
        return False


@cache
def is_place(cidade: str, estado: str) -> bool:
    """Return whether a city may be part of a key, and the state is one of the 27."""
    return estado in UFS and cidade.strip() != "" and not re.search("[:/{}\t]", cidade)


def fits(row: Row) -> bool:
    """Return whether a row counts, as docs/input-formats.md has it."""
    cnpj, opened, cidade, estado, capital = row
    values = CNPJ.fullmatch(cnpj) and CAPITAL.fullmatch(capital)
    return values is not None and is_day(opened) and is_place(cidade, estado)


def band(capital: Decimal) -> str:
    """Return the name of the capital band."""
    for bound, name in BANDS:
        if capital <= bound:
            return name
    raise AssertionError("the last bound is infinite")


@dataclass
class Accounting:
    """The rows of one file: `read` is the sum of the next three; `unrecognised` are some of those."""

    read: int = 0
    new: int = 0
    duplicates: int = 0
    rejected: int = 0
    unrecognised: int = 0


@cache
def keys(name: str, estado: str, month: str) -> list[tuple[str, str]]:
    """Return each key that a company adds to, and what comes before the names of its fields there."""
    municipality, state, country = f"{name}/{estado}", f"estado:{estado}", "pais:BR"
    whole = [(key, "") for key in (name, municipality, state, country)]
    return whole + [(f"mensal:{key}", f"{month}:") for key in (municipality, state, country)]


class Sums:
    """What companies add up to."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0


class Plain:
    """What rows add up to, at every level; the first row of a company is the one that counts."""

    def __init__(self) -> None:
        self.companies: set[str] = set()
        self.sums: dict[tuple[str, str], Sums] = defaultdict(Sums)
        self.bands: dict[tuple[str, str], int] = defaultdict(int)
        self._places: dict[tuple[str, str], tuple[str, bool]] = {}

    def add(self, rows: Iterable[Row]) -> Accounting:
        """Count the rows of a file."""
        accounting = Accounting()
        for row in rows:
            accounting.read += 1
            if not fits(row):
                accounting.rejected += 1
                continue
            cnpj, opened, cidade, estado, capital = row
            if (cidade, estado) not in self._places:
                self._places[cidade, estado] = resolved(cidade, estado)
            name, recognised = self._places[cidade, estado]
            accounting.unrecognised += not recognised
            company = cnpj.replace(".", "").replace("/", "")[:12]
            if company in self.companies:
                accounting.duplicates += 1
                continue
            self.companies.add(company)
            accounting.new += 1
            self._count(name, estado, opened[:7], Decimal(capital))
        return accounting

    def _count(self, name: str, estado: str, month: str, capital: Decimal) -> None:
        for place in keys(name, estado, month):
            sums = self.sums[place]
            sums.total += capital
            sums.count += 1
        self.bands[f"faixas:{name}/{estado}", band(capital)] += 1

    def hashes(self) -> dict[str, dict[str, str]]:
        """Return every hash of features without `atualizado_em`."""
        hashes: dict[str, dict[str, str]] = defaultdict(dict)
        for (key, prefix), sums in self.sums.items():
            hashes[key][f"{prefix}capital_social_total"] = f"{sums.total:.2f}"
            hashes[key][f"{prefix}quantidade_empresas"] = str(sums.count)
            if not prefix:
                mean = (sums.total / sums.count).quantize(Decimal("0.01"), ROUND_HALF_UP)
                hashes[key]["capital_social_medio"] = str(mean)
                name, _, uf = key.rpartition("/")
                if code := CODES.get((name, uf)):
                    hashes[key]["codigo_ibge"] = code
        for (key, name), count in self.bands.items():
            hashes[key][name] = str(count)
        return dict(hashes)

    def rankings(self) -> dict[str, dict[str, float]]:
        """Return the score of each municipality in each ranking."""
        municipalities = {
            key: sums for (key, prefix), sums in self.sums.items() if "/" in key and not prefix
        }
        return {
            "ranking:quantidade_empresas": {k: float(s.count) for k, s in municipalities.items()},
            "ranking:capital_social_total": {k: float(s.total) for k, s in municipalities.items()},
        }
