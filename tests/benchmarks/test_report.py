"""The generator against plain Python, and what the report makes of figures."""

from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import report, results
from benchmarks.__main__ import _command
from benchmarks.arena import OURS
from benchmarks.data import Data, joined
from benchmarks.results import Origin, Result
from benchmarks.slopes import steps
from tests import oracle

ORIGIN = Origin("2 cores", "Python 3", "2026-01-01", "abc", "make bench")


def rows(files: list[Path]) -> list[list[str]]:
    """Return the rows of files, one after another, without their headers."""
    return [line.split(",") for file in files for line in file.read_text("utf-8").splitlines()[1:]]


@pytest.mark.parametrize("data", [Data(2, 300, repeats=0.2, noise=0.1), Data(1, 300, scattered=True)])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(data: Data, tmp_path: Path) -> None:
    contents = [
        [file.read_bytes() for file in made.write(tmp_path / name)]
        for made, name in ((data, "a"), (data, "b"), (Data(data.files, 300, seed=1), "c"))
    ]

    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_as_many_rows_repeat_a_company_as_asked_within_and_across_files(
    share: float, tmp_path: Path
) -> None:
    files = Data(4, 10_000, repeats=share).write(tmp_path)
    companies = [row[0] for row in rows(files)]
    inside = sum(len(own) - len(set(own)) for own in ([r[0] for r in rows([f])] for f in files))
    repeated = len(companies) - len(set(companies))

    assert repeated / len(companies) == pytest.approx(share, rel=0.1)
    assert share == 0 or 0 < inside < repeated


@pytest.mark.parametrize("scattered", [False, True])
def test_cnpjs_are_valid_and_their_companies_differ(scattered: bool, tmp_path: Path) -> None:
    cnpjs = [row[0] for row in rows(Data(2, 2_000, scattered=scattered).write(tmp_path))]

    assert len({cnpj[:8] for cnpj in cnpjs}) == 4_000
    for cnpj in cnpjs:
        digits = [int(c) for c in cnpj]
        for length in (12, 13):  # modulo 11, weights 2 to 9 from the right
            weighted = sum(d * (2 + i % 8) for i, d in enumerate(reversed(digits[:length])))
            assert digits[length] == (0 if weighted % 11 < 2 else 11 - weighted % 11), cnpj


@pytest.mark.parametrize("data", [Data(3, 500, repeats=0.3), Data(2, 6_000, flat=True)])
def test_what_files_add_up_to_is_what_plain_python_counts(data: Data, tmp_path: Path) -> None:
    expected = oracle.features(f.read_text("utf-8") for f in data.write(tmp_path))

    assert data.features() == {
        key: (int(companies), Decimal(total)) for key, (total, companies, _) in expected.items()
    }


def test_each_row_counts_where_repeats_count_and_noise_never_does(tmp_path: Path) -> None:
    data = Data(2, 1_000, repeats=0.3, noise=0.1)
    records = rows(data.write(tmp_path))
    noisy = sum(row[1] == "ontem" for row in records)

    counted = sum(n for key, (n, _) in data.features(once=False).items() if "/" in key)

    assert 0.05 < noisy / len(records) < 0.15
    assert counted == len(records) - noisy


def test_features_join_by_adding_up() -> None:
    a = {"Natal": (1, Decimal("0.10"))}

    assert joined([a, a, {"Assu": (2, Decimal(3))}]) == {
        "Natal": (2, Decimal("0.20")),
        "Assu": (2, Decimal(3)),
    }


def test_growth_is_read_from_the_figures() -> None:
    figures = {"0": [1.0], "10": [1.05], "100": [1.1], "1000": [11.0], "2000": [44.0], "4000": [60.0]}

    assert [(s.larger, s.reads) for s in steps(Result("growth-rows", "rows", figures))] == [
        (10, "constant"),
        (100, "constant"),
        (1000, "linear"),
        (2000, "more than linear"),
        (4000, "less than linear"),
    ]


def test_targets_are_ratios_of_rounds_and_say_whether_they_are_met(tmp_path: Path) -> None:
    bulk = Result("bulk", "ten files", {OURS: [1.0, 9.0, 3.0], "it": [2.0, 9.0, 9.0]}, {"it": 0.6})
    commit = Result("commit", "one", {OURS: [70.0]}, {OURS: 60}, "ms")

    report.write({"bulk": bulk, "commit": commit}, tmp_path)

    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "| ten files | ≤ 0.6 of it | 0.5 | 0.333 | 1 | 3 | met |" in page
    assert "| one | ≤ 60 ms | 70 | 70 | 70 | 1 | **not met**, by 17% |" in page
    assert not (tmp_path / "growth.png").exists()


def test_what_was_measured_before_stays_and_is_told_apart(tmp_path: Path) -> None:
    old = {n: Result(n, n, {OURS: [1.0]}, origin=ORIGIN) for n in ("commit", "bulk")}
    new = Result("bulk", "bulk", {OURS: [2.0]}, origin=Origin(command="make bench ARGS=x"))
    results.save(old, tmp_path)

    results.save(results.load(tmp_path) | {"bulk": new}, tmp_path)

    measurements = results.load(tmp_path)
    assert list(measurements.items()) == [("bulk", new), ("commit", old["commit"])]
    report.write(measurements, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "commit: 2026-01-01, commit abc, `make bench`" in page


def test_the_command_is_told_without_a_path() -> None:
    pythons = {"polars": Path("/secret/bin/python"), "feast": None}

    assert _command(["bulk"], 3, False, pythons) == (
        'make bench ARGS="--only bulk --rounds 3 --polars PYTHON"'
    )
