"""Files that share a query are told apart, whatever one of them is."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streaming.domain import ledger
from streaming.landing import quarantine
from streaming.landing.local_folder import LocalFolder
from streaming.reading import worker
from streaming.reading.messages import Retraction, Rules, Source, TaskResources
from tests.sources import laid, location

RULES = Rules(now=datetime(2026, 7, 1, 12, tzinfo=UTC))
TIMES = 22
"""How often each kind of file is among many."""
HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"


def line(number: int, cidade: str = "Natal", opened: str = "2024-01-31") -> str:
    return f"{number:08}000100,{opened},{cidade},RN,{number}.50\n"


def rows(sources: list[Source], directory: Path) -> dict[int, list[tuple[Any, ...]]]:
    """Return what is told of each file, in an order of its own."""
    results: dict[int, list[tuple[Any, ...]]] = {source.number: [] for source in sources}
    for batch in worker.summarise(sources, RULES, LocalFolder(directory), TaskResources()):
        for file, *values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            results[file].append(tuple(values))
    return {file: sorted(lines, key=repr) for file, lines in results.items()}


def rejected(directory: Path, source: Source) -> list[dict[str, str]]:
    """Return the rejected rows of a file, without its name."""
    kept = [{**row, "file": ""} for row in quarantine.rows(LocalFolder(directory), source.file.path)]
    return sorted(kept, key=lambda row: row["raw"])


@pytest.fixture
def many(tmp_path: Path) -> list[Source]:
    """More files than share a query, of every kind, one after another."""
    kinds: list[str | bytes] = [
        HEADER + line(1) + line(2, "Macau"),
        HEADER + line(3) + line(3, "Macau") + line(4),  # repeats inside
        HEADER + line(5) + line(6, opened="ontem") + "x,y\n",  # rows rejected by value, and by shape
        HEADER,
        "no csv\n",
        b"",
        (HEADER + line(7, "Açu")).encode("latin-1"),
        gzip.compress((HEADER + line(8)).encode()),
        (HEADER + line(9)).replace(",", ";").replace(".50", ",50"),
        "nota," + HEADER + "a," + line(10),
        HEADER.replace("\n", "\r\n") + line(11),  # mixed line ends
        HEADER + line(12).replace("Natal", '"Na""tal\nde novo"') + '"',  # a quote that does not close
        HEADER + line(13).rstrip(),  # no final line end
    ]
    (tmp_path / "zone").mkdir()
    return laid(tmp_path / "zone", kinds * TIMES)


def test_files_read_together_are_read_as_each_alone(many: list[Source], tmp_path: Path) -> None:
    assert len(many) > 2 * worker.FILES_AT_ONCE

    together = rows(many, tmp_path / "together")
    alone = many[: len(many) // TIMES]
    expected = [rows([source], tmp_path / "alone")[source.number] for source in alone]
    kept = [rejected(tmp_path / "alone", source) for source in alone]
    assert [together[source.number] for source in many] == expected * TIMES
    assert [rejected(tmp_path / "together", source) for source in many] == kept * TIMES
    assert any(kept)
    outcomes = [json.loads(r[0])["outcome"] for lines in together.values() for r in lines if r[0]]
    assert len(outcomes) == len(many)
    assert {outcomes.count("read"), outcomes.count("rejected")} == {TIMES * 11, TIMES * 2}


def test_what_is_too_much_is_so_in_its_own_file_alone(many: list[Source], tmp_path: Path) -> None:
    def held(*numbers: int) -> dict[str, bytes]:
        ids = [(n >> 16) << 37 | 1 << 16 | n & 65535 for n in numbers]
        return ledger.pack(ledger.from_ids(np.array(ids, dtype=np.uint64)))

    def again(source: Source, counted: int, *repeated: int) -> Source:
        return replace(source, retraction=Retraction(held(counted), held(*repeated)))

    sources = [again(many[0], 1), again(many[1], 4, 3), again(many[13], 2), again(many[14], 3, 3)]

    results = rows(sources, tmp_path / "quarantine")

    places = {n: [(r[4], r[9]) for r in lines if r[4]] for n, lines in results.items()}
    assert places == {
        0: [("Natal", -1)],
        1: [("Macau", -1), ("Natal", -1)],
        13: [("Macau", -1)],
        14: [("Macau", -1), ("Natal", -1)],
    }


def test_a_file_that_changes_while_its_neighbours_are_read_has_changed_and_they_have_not(
    many: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = many[:4]
    write = quarantine.write

    def writing(*arguments: Any) -> int:
        """Somebody appends to a file in the middle of its reading."""
        with location(sources[0]).open("a") as writer:
            writer.write(line(99))
        return write(*arguments)

    monkeypatch.setattr(quarantine, "write", writing)

    results = rows(sources, tmp_path / "quarantine")

    outcomes = {n: [json.loads(r[0])["outcome"] for r in lines if r[0]] for n, lines in results.items()}
    assert outcomes == {0: ["changed"], 1: ["read"], 2: ["read"], 3: ["read"]}
    assert len(results[0]) == 1, "of what has changed nothing else is told"
