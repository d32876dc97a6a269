"""Files of Receita Federal that tests write, and what is read of them without Spark."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from streaming.receita import names, worker
from streaming.receita.dates import Interval
from streaming.receita.establishments import Rules
from streaming.receita.pieces import SIZE, Pieces

Row = tuple[str, str, str, str, str]
COLUMNS = (
    "root",
    "branch",
    "digits",
    "flag",
    "fantasia",
    "situation",
    "since",
    "reason",
    "abroad",
    "country",
)
COLUMNS += (
    "opened",
    "cnae",
    "cnaes",
    "kind",
    "street",
    "number",
    "extra",
    "quarter",
    "cep",
    "uf",
    "code",
)
DEFAULTS = {
    **{"root": "99990001", "branch": "0001", "digits": "98", "flag": "1", "situation": "02"},
    **{"opened": "20260715", "uf": "SP", "code": "7107"},
}
ESTABELE, EMPRECSV = "K3241.K03200Y0.D60808.ESTABELE", "K3241.K03200Y0.D60808.EMPRECSV"
JULY = Interval(date(2026, 7, 1), date(2026, 7, 31), date(2026, 8, 8))


def line(fields: Sequence[str]) -> str:
    """Return a line as Receita Federal writes it: every field in quotes."""
    return ";".join(f'"{text}"' for text in fields)


def establishment(**values: str) -> str:
    """Return a line of ESTABELE: a head office in São Paulo, opened on 15 July 2026, but for these."""
    return line([{**DEFAULTS, **values}.get(name, "") for name in COLUMNS] + [""] * 9)


def company(
    root: str = "99990001", capital: str = "1000,00", name: str = "FICTICIA", nature: str = "2062"
) -> str:
    """Return a line of EMPRECSV."""
    return line([root, name, nature, "49", capital, "01", ""])


@dataclass(frozen=True)
class Result:
    """What was read: rows by CNPJ, counts that are not 0, and companies without a capital."""

    rows: list[Row]
    counts: Mapping[str, int] = field(default_factory=dict)
    not_informed: list[str] = field(default_factory=list)


def read(
    directory: Path,
    interval: Interval = JULY,
    *,
    branches: bool = False,
    size: int = SIZE,
    groups: int = 2,
) -> Result:
    """Read the files in a directory as Spark's tasks do, with pieces of this size."""
    for name in ("pieces", "records", "fragments"):
        (directory / "work" / name).mkdir(parents=True)
    work = directory / "work"
    pieces = Pieces(work / "pieces", size=size).of(names.parts([directory]))
    rules = Rules(interval, branches)
    tables = {}
    for kind in ("ESTABELE", "EMPRECSV"):
        of_kind = [piece for piece in pieces if piece.layout.kind == kind]
        batches = worker.records(of_kind, rules, groups, work / "records")
        tables[kind] = pa.Table.from_batches(batches, worker.RECORDS)
    rows: list[Row] = []
    counts: Counter[str] = Counter()
    not_informed = []
    for group in range(groups):
        of_group = [table.filter(pc.equal(table["grupo"], group)) for table in tables.values()]
        (result,) = worker.fragment(*of_group, work / "fragments").to_pylist()
        counts.update(json.loads(result["contagem"]))
        not_informed += result["nao_informados"]
        if result["linhas"]:
            lines = Path(result["arquivo"]).read_text("utf-8").splitlines()
            rows += [tuple(text.split(",")) for text in lines]
            assert len(lines) == result["linhas"]
    kept = {name: many for name, many in counts.items() if many}
    return Result(sorted(rows), kept, sorted(not_informed))


def read_lines(
    directory: Path, establishments: Sequence[str], companies: Sequence[str] | None = None, **how: object
) -> Result:
    """Write both files with these lines into a directory, and read them; one company unless told."""
    directory.mkdir(exist_ok=True)
    companies = [company()] if companies is None else companies
    for name, lines in ((ESTABELE, establishments), (EMPRECSV, companies)):
        (directory / name).write_bytes("".join(f"{text}\n" for text in lines).encode("latin-1"))
    return read(directory, **how)  # type: ignore[arg-type]


def row(cnpj: str = "99990001000198", capital: str = "1000.00", **values: str) -> Row:
    """Return the row of the company that `establishment` and `company` are, but for these values."""
    day, cidade, estado = (
        values.get(name, text)
        for name, text in (("day", "2026-07-15"), ("cidade", "São Paulo"), ("estado", "SP"))
    )
    return cnpj, day, cidade, estado, capital
