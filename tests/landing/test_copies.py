"""The name of an archived copy says when its file landed, and of which version it is."""

import re

import pytest

from streaming.domain.file import File
from streaming.landing import copies
from streaming.landing.copies import Copy

LANDED = 1_753_779_600 * copies.SECOND  # 2025-07-29T09:00:00Z
FILE = File(LANDED, "abertas.csv", 7, "0676d67d9333c47103a3f1befa79581d")


def test_a_copy_has_the_month_the_time_and_the_identity_of_its_file() -> None:
    identity = copies.identity(FILE)

    assert re.fullmatch(
        rf"_archive/2025-07/abertas~20250729T090000Z-{identity}-[0-9a-f]{{8}}\.csv",
        copies.own_name(FILE),
    )


def test_two_copies_of_one_file_have_different_names() -> None:
    assert copies.own_name(FILE) != copies.own_name(FILE)


@pytest.mark.parametrize(
    "name",
    [
        "a.csv",
        "A.CSV.GZ",
        "são joão #1?.csv",
        "a~b.csv",
        "x~20200101T000000Z-0123456789abcdef-0b0b0b0b.csv",
    ],
)
def test_what_a_name_says_can_be_read_from_it(name: str) -> None:
    file = FILE._replace(path=name)

    assert copies.parse(copies.own_name(file)) == Copy(name, LANDED, copies.identity(file))


def test_any_difference_between_versions_is_in_their_identity() -> None:
    versions = [
        FILE,
        FILE._replace(path="b.csv"),
        FILE._replace(size=8),
        FILE._replace(mtime=LANDED + copies.SECOND),
        FILE._replace(tag="another"),
    ]

    assert len({copies.identity(file) for file in versions}) == len(versions)


def test_objects_that_land_in_one_second_are_told_apart() -> None:
    files = (FILE._replace(path=f"{number}.csv") for number in range(200_000))

    assert len({copies.identity(file) for file in files}) == 200_000


def test_a_long_name_is_cut_between_its_characters() -> None:
    file = FILE._replace(path="é" * 125 + ".csv.gz")

    name = copies.own_name(file).rpartition("/")[2]
    assert 253 < len(name.encode()) <= 255
    copy = copies.parse(f"_archive/2025-07/{name}")
    assert copy is not None
    assert re.fullmatch(r"é+\.csv\.gz", copy.original)


@pytest.mark.parametrize(
    "path",
    [
        "abertas~20250729T090000Z-0a0a0a0a0a0a0a0a-0b0b0b0b.csv",
        "_archive/abertas~20250729T090000Z-0a0a0a0a0a0a0a0a-0b0b0b0b.csv",
        "_archive/2025-07/abertas.csv",
        "_archive/2025-07/abertas~0a0a0a0a.csv",
        "_archive/2025-07/abertas~20250729T090000Z-0a0a0a0a0a0a0a0a-0b0b0b0b.txt",
        "_archive/2025-07/abertas~20251329T090000Z-0a0a0a0a0a0a0a0a-0b0b0b0b.csv",
        "_archive/2025-07/x/abertas~20250729T090000Z-0a0a0a0a0a0a0a0a-0b0b0b0b.csv",
    ],
)
def test_a_name_that_no_mover_made_says_nothing(path: str) -> None:
    assert copies.parse(path) is None
