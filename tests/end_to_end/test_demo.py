"""The demonstration: what it makes up is plausible, and it stays in a place of its own."""

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from examples import demo, openings
from streaming.store import local_server
from streaming.store.store import Store
from tests.end_to_end.plain import CODES, MUNICIPALITIES, resolved

Rows = list[dict[str, str]]


def read(files: list[Path]) -> Rows:
    rows: Rows = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            rows += csv.DictReader(lines)
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """A hundredth of the openings of Brazil, month by month."""
    yield [path for path, _ in openings.write(tmp_path_factory.mktemp("months"), share=0.01)]


def test_each_file_has_the_openings_of_one_month_and_the_last_is_a_beginning(files: list[Path]) -> None:
    months = [{row["data_abertura"][:7] for row in read([file])} for file in files]
    assert months == [{month} for month in openings.MONTHS]
    assert len(files) == 25
    assert max(row["data_abertura"] for row in read(files[-1:])) < "2026-01-10"


def test_the_same_seed_gives_the_same_bytes_and_another_others(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        written = openings.write(tmp_path / name, share=0.001, seed=seed)
        contents.append([(path.name, path.read_bytes(), rows) for path, rows in written])
    assert contents[0] == contents[1] != contents[2]
    assert all(content.count(b"\n") == rows + 1 for _, content, rows in contents[0])


def test_cnpjs_of_the_demonstration_are_valid_and_differ(files: list[Path]) -> None:
    cnpjs = [row["cnpj"] for row in read(files)]
    assert len(set(cnpjs)) == len(cnpjs)
    for cnpj in cnpjs[::97]:
        digits = [int(c) for c in cnpj]
        for length in (12, 13):  # modulo 11, weights 2 to 9 from the right
            weighted = sum(d * (2 + i % 8) for i, d in enumerate(reversed(digits[:length])))
            assert digits[length] == (0 if weighted % 11 < 2 else 11 - weighted % 11), cnpj


def test_every_spelling_is_one_of_a_municipality(files: list[Path]) -> None:
    written = {(row["cidade"], row["estado"]) for row in read(files)}
    places = {(resolved(*place), place[1]) for place in written}
    assert {name for (name, known), _ in places if not known} == set()
    assert len(places) > 0.85 * len(CODES)
    oeste = {cidade for cidade, uf in written if resolved(cidade, uf)[0] == "Santa Bárbara d'Oeste"}
    assert oeste >= {"Santa Bárbara d'Oeste", "SANTA BARBARA D'OESTE", "Santa Bárbara do Oeste"}


def test_openings_follow_population_season_and_the_poles(files: list[Path]) -> None:
    count: Counter[Any] = Counter()
    for row in read(files):
        place = f"{resolved(row['cidade'], row['estado'])[0]}/{row['estado']}"
        count[place] += 1
        count[place, row["data_abertura"][:4]] += 1
        count[row["data_abertura"][:7]] += 1
    by_people = sorted(MUNICIPALITIES, key=lambda m: -int(m["populacao_2024"] or 0))
    most = [place for place, _ in count.most_common() if isinstance(place, str) and "/" in place]
    assert {f"{m['nome']}/{m['uf']}" for m in by_people[:10]} <= set(most[:25])
    assert count["2025-12"] < 0.8 * count["2025-01"]
    grown = {pole: count[pole, "2025"] / count[pole, "2024"] for pole in openings.POLES}
    assert sorted(grown.values())[len(grown) // 2] > 1.4
    assert sum(count[month] for month in openings.MONTHS[12:24]) < 1.15 * sum(
        count[month] for month in openings.MONTHS[:12]
    )


def test_most_capital_is_small_and_little_of_it_large(files: list[Path]) -> None:
    capitals = sorted(Decimal(row["capital_social"]) for row in read(files))
    small = sum(capital <= 10_000 for capital in capitals) / len(capitals)
    assert 0.7 < small < 0.9
    assert capitals[len(capitals) // 2] <= 5_000
    assert 1_000_000 < capitals[-1] < 1_000_000_000
    assert sum(capital > 500_000 for capital in capitals) / len(capitals) < 0.01


@pytest.mark.long
@pytest.mark.spark
def test_the_demonstration_shows_growth_twice_and_touches_nothing_else(
    server_url: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, value in (("REDIS_URL", server_url), ("LANDING_ZONE", str(mine)), ("ARCHIVE", "on")):
        monkeypatch.setenv(name, value)
    directory = tmp_path / "Demonstração d'água"
    shown = []
    for _ in range(2):
        demo.show(directory, share=0.005)
        shown.append(capfd.readouterr().out)
        assert local_server.running(directory / ".redis") is None
    for output in shown:
        for heading in (
            "$ city-features crescimento --top 10",
            "aberturas_por_10mil_hab",
            "São Paulo/SP",
        ):
            assert heading in output
        assert "a: 2025-01 to 2025-12, b: 2024-01 to 2024-12" in output
    assert list(mine.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] in (
        ["mine", directory.name],
        [directory.name, "mine"],
    )
