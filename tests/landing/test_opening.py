"""A file is read as it was looked at, or it has changed."""

from pathlib import Path

import pytest

from streaming.errors import FileRejected
from streaming.landing import opening


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    """A file in place."""
    path = tmp_path / "x.csv"
    path.write_text("cnpj\n1\n")
    return path


def test_a_file_of_another_size_or_time_than_was_looked_at_is_not_opened(landed: Path) -> None:
    status = landed.stat()
    for size, mtime in (
        (status.st_size + 1, status.st_mtime_ns),
        (status.st_size, status.st_mtime_ns + 1),
    ):
        with pytest.raises(opening.Changed), opening.opened(landed, size, mtime):
            pytest.fail("opened")


def test_a_file_that_is_gone_has_changed(landed: Path) -> None:
    status = landed.stat()
    landed.unlink()

    with pytest.raises(opening.Changed), opening.opened(landed, status.st_size, status.st_mtime_ns):
        pytest.fail("opened")


@pytest.mark.parametrize("fails", [False, True], ids=["read", "rejected"])
def test_a_file_that_changes_while_it_is_open_has_changed_whatever_was_read(
    landed: Path, fails: bool
) -> None:
    status = landed.stat()

    with pytest.raises(opening.Changed), opening.opened(landed, status.st_size, status.st_mtime_ns):
        with landed.open("a") as writer:
            writer.write("2\n")
        if fails:
            raise FileRejected("broken, or only not finished?")
