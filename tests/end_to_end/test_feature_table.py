"""The tables of docs/features.md, held against what a run writes into Redis."""

import re

from scripts.feature_table import DOCUMENT
from tests.harness import Service
from tests.oracle import Row

# What a name in braces stands for, as the document says.
VALUES = {"cidade": "[^:/]+", "estado": "[A-Z]{2}", "mes": r"\d{4}-\d{2}"}
CAPITALS = ("0.00", "1.00", "1000.01", "10000.00", "10000.01", "99999.99", "100000.01", "1000000.00")
PLACES = (("sao paulo", "SP"), ("Natal", "RN"), ("Xis", "RS"))  # the last is no municipality


def documented() -> list[tuple[str, str]]:
    """Return key and field of each row of the table of fields."""
    table = DOCUMENT.read_text("utf-8").partition("| key | field |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", table, re.MULTILINE)


def fits(template: str, text: str) -> bool:
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(VALUES[part] if n % 2 else re.escape(part) for n, part in enumerate(parts))
    return re.fullmatch(pattern, text) is not None


def fields(service: Service) -> list[tuple[str, str]]:
    """Return each key of features in Redis with each of its fields or members."""
    stored = []
    for name in service.redis.scan_iter():
        key = name.decode()
        if not key.startswith(("ingest:", "ledger:")):
            ranking = service.redis.type(name) == b"zset"
            members = service.redis.zrange(name, 0, -1) if ranking else service.redis.hkeys(name)
            stored += [(key, member.decode()) for member in members]
    return stored


def test_each_key_and_field_in_redis_is_in_the_document_and_each_row_there(service: Service) -> None:
    capitals = [*CAPITALS, "1000000.01", "10000000.01"]
    assert len(documented()) > 30
    rows: list[Row] = [
        (f"{number:08d}000100", f"2026-0{1 + number % 3}-15", *PLACES[number % 3], capital)
        for number, capital in enumerate(capitals * 3)
    ]
    service.put("a.csv", rows)
    service.run()
    present: set[tuple[str, str]] = set()
    for key, field in fields(service):
        fitting = {row for row in documented() if fits(row[0], key) and fits(row[1], field)}
        assert len(fitting) == 1, (key, field, fitting)
        present |= fitting
    assert present == set(documented())
