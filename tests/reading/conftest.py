"""A reader of files that tests write."""

from pathlib import Path

import pytest

from tests.reading.files import Read, Reader, read


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Write a file, and read it."""

    def write_and_read(content: str | bytes, name: str = "x.csv", **how: object) -> Read:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, **how)  # type: ignore[arg-type]

    return write_and_read
