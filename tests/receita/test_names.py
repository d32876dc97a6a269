"""Names: which files are read, and which sets of files are refused."""

import zipfile
from datetime import date
from pathlib import Path

import pytest

from streaming.errors import EnvironmentRefused
from streaming.receita.names import parts, token_date
from tests.receita.files import EMPRECSV, ESTABELE


def put(directory: Path, *written: str) -> Path:
    """Make empty files, zips for those that end in .zip with the member that is named before it."""
    directory.mkdir(exist_ok=True)
    for name in written:
        path = directory / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(path.stem.partition("@")[0], "")
        else:
            path.touch()
    return directory


def test_a_directory_gives_both_kinds_and_passes_over_others(tmp_path: Path) -> None:
    directory = put(
        tmp_path,
        *("K3241.K03200Y1.D60808.ESTABELE", f"{ESTABELE}@zero.zip", f"{EMPRECSV}@.ZIP.zip"),
        *("K3241.K03200Y0.D60808.SOCIOCSV", "F.K03200$Z.D60808.MUNICCSV.zip", "LEIAME.txt", ".hidden"),
    )
    (directory / "below").mkdir()

    listed = parts([directory])

    assert [(part.name, part.token, part.is_zipped) for part in listed] == [
        (EMPRECSV, "D60808", True),
        (ESTABELE, "D60808", True),
        ("K3241.K03200Y1.D60808.ESTABELE", "D60808", False),
    ]


def test_small_letters_and_the_ending_csv_are_the_same(tmp_path: Path) -> None:
    listed = parts([put(tmp_path, ESTABELE.lower(), f"{EMPRECSV}.csv")])

    assert [(part.layout.kind, part.token) for part in listed] == [
        ("EMPRECSV", "D60808"),
        ("ESTABELE", "D60808"),
    ]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    directory = put(tmp_path, ESTABELE, EMPRECSV)
    (tmp_path / "link").symlink_to(directory)

    listed = parts([directory, directory / ESTABELE, tmp_path / "link"])

    assert [part.name for part in listed] == [EMPRECSV, ESTABELE]


REFUSED: list[tuple[list[str], str]] = [
    ([], "no file of Receita Federal in .*names look like K3241"),
    ([ESTABELE], r"no EMPRECSV file in .*both kinds, of the same day \(D60808\)"),
    ([EMPRECSV], "no ESTABELE file in "),
    (
        [ESTABELE, EMPRECSV, "K3241.K03200Y1.D60711.ESTABELE"],
        r"files of different days: D60711, D60808 \(K3241.K03200Y1.D60711.ESTABELE, ",
    ),
    ([ESTABELE, EMPRECSV, f"{ESTABELE}@.zip"], f"{ESTABELE} is there twice, in .*; remove one"),
    (["K.D61332.ESTABELE", "K.D61332.EMPRECSV"], "D61332 is no day; rename the file"),
]


@pytest.mark.parametrize(("written", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_set_that_makes_no_sense_is_refused(written: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=message):
        parts([put(tmp_path, *written)])


def test_a_file_of_another_kind_is_refused_if_it_is_named(tmp_path: Path) -> None:
    directory = put(tmp_path, ESTABELE, EMPRECSV, "K3241.K03200Y0.D60808.SOCIOCSV")

    with pytest.raises(EnvironmentRefused, match="SOCIOCSV is neither EMPRECSV nor ESTABELE"):
        parts([directory, directory / "K3241.K03200Y0.D60808.SOCIOCSV"])


def test_a_zip_that_was_not_downloaded_to_its_end_is_refused(tmp_path: Path) -> None:
    directory = put(tmp_path, EMPRECSV, f"{ESTABELE}@.zip")
    path = directory / f"{ESTABELE}@.zip"
    path.write_bytes(path.read_bytes()[:-10])

    with pytest.raises(EnvironmentRefused, match=f"{path} is no zip, or was not downloaded to its end"):
        parts([directory])


def test_a_zip_with_several_members_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(put(tmp_path, EMPRECSV) / "both.zip", "w") as archive:
        archive.writestr(ESTABELE, "")
        archive.writestr("LEIAME.txt", "")

    with pytest.raises(EnvironmentRefused, match=r"both\.zip has 2 members; .*unpack it"):
        parts([tmp_path])


def test_a_directory_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=f"{tmp_path / 'none'} cannot be read: No such file"):
        parts([tmp_path / "none"])


@pytest.mark.parametrize(
    ("token", "day"),
    [
        ("D10116", date(2021, 1, 16)),
        ("D60808", date(2026, 8, 8)),
        ("D91231", date(2029, 12, 31)),
        ("D00229", None),
        ("D00228", date(2030, 2, 28)),
    ],
)
def test_a_token_means_a_day_of_2021_to_2030(token: str, day: date | None) -> None:
    if day is None:
        with pytest.raises(ValueError, match="day is out of range"):
            token_date(token)
    else:
        assert token_date(token) == day
