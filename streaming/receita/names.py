"""
Names of the published files: which are read, of what kind and of which day.

Receita Federal publishes zips with one member each, like `K3241.K03200Y0.D60808.ESTABELE`: the part
(Y0), the day it was made (D60808: 8 August 2026), and the kind. The zip's name does not have all that.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from streaming.errors import EnvironmentRefused
from streaming.receita.layout import LAYOUTS, Layout

NAME = re.compile(r"(?:.*\.)?(D[0-9]{5})\.(EMPRECSV|ESTABELE)(?:\.CSV)?", re.IGNORECASE)
EXAMPLE = "K3241.K03200Y0.D60808.ESTABELE"
DECADE = 2021
"""The first year of files of this layout; the token has only the last digit of a year."""


@dataclass(frozen=True)
class Part:
    """
    One published file.

    Attributes:
        path: where it is: the zip, or the file itself.
        name: as published.
        layout: of its lines.
        token: its day, as the name has it.
        is_zipped: whether the path is a zip.
        size: bytes, unpacked.
    """

    path: Path
    name: str
    layout: Layout
    token: str
    is_zipped: bool
    size: int


def token_date(token: str) -> date:
    """
    Return the day that a token like D60808 means; of its year it has the last digit.

    Raises:
        ValueError: there is no such day.
    """
    year = DECADE + (int(token[1]) - DECADE) % 10
    return date(year, int(token[2:4]), int(token[4:6]))


def parts(paths: Sequence[Path]) -> list[Part]:
    """
    Return the files of both kinds in these directories and among these files, by name.

    Files of other kinds in a directory (partners, codes) are passed over; directories in it are not
    looked into.

    Raises:
        EnvironmentRefused: a file cannot be read, or is not one of the two kinds; a part is there twice;
            the days differ; or one of the kinds is missing.
    """
    listed = sorted({path.resolve(): part for path, part in _listed(paths)}.items())
    ordered = sorted((part for _, part in listed), key=lambda part: part.name)
    for part, following in pairwise(ordered):
        if part.name == following.name:
            raise EnvironmentRefused(
                f"{part.name} is there twice, in {part.path} and {following.path}; remove one"
            )
    places = ", ".join(map(str, paths))
    if not ordered:
        raise EnvironmentRefused(
            f"no file of Receita Federal in {places}: names look like {EXAMPLE}, plain or inside a zip"
        )
    tokens = sorted({part.token for part in ordered})
    if len(tokens) > 1:
        examples = ", ".join(next(p.path.name for p in ordered if p.token == token) for token in tokens)
        raise EnvironmentRefused(
            f"files of different days: {', '.join(tokens)} ({examples}); read those of one day at a time"
        )
    for kind in LAYOUTS:
        if not any(part.layout.kind == kind for part in ordered):
            raise EnvironmentRefused(
                f"no {kind} file in {places}: companies need both kinds, of the same day ({tokens[0]})"
            )
    _require_day(ordered[0])
    return ordered


def _require_day(part: Part) -> None:
    try:
        token_date(part.token)
    except ValueError:
        raise EnvironmentRefused(
            f"{part.name}: {part.token} is no day; rename the file as it was published, like {EXAMPLE}"
        ) from None


def _listed(paths: Iterable[Path]) -> Iterator[tuple[Path, Part]]:
    for path in paths:
        try:
            if path.is_dir():
                for entry in sorted(path.iterdir()):
                    if entry.is_file() and (part := _part(entry)) is not None:
                        yield entry, part
                continue
            part = _part(path)
        except OSError as error:
            raise EnvironmentRefused(f"{path} cannot be read: {error.strerror}") from None
        if part is None:
            raise EnvironmentRefused(
                f"{path} is neither EMPRECSV nor ESTABELE: names look like {EXAMPLE}"
            )
        yield path, part


def _part(path: Path) -> Part | None:
    """Return the part that is in a file, or None if it is of another kind."""
    if not zipfile.is_zipfile(path):
        if path.suffix.lower() == ".zip":
            raise EnvironmentRefused(
                f"{path} is no zip, or was not downloaded to its end; download it again"
            )
        return _named(path, path.name, path.stat().st_size)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except zipfile.BadZipFile as error:
        raise EnvironmentRefused(f"{path} is a damaged zip ({error}); download it again") from None
    if len(members) == 1:
        return _named(path, Path(members[0].filename).name, members[0].file_size, is_zipped=True)
    if any(NAME.fullmatch(Path(member.filename).name) for member in members):
        raise EnvironmentRefused(
            f"{path} has {len(members)} members; published zips have one: unpack it, and give the files"
        )
    return None


def _named(path: Path, name: str, size: int, *, is_zipped: bool = False) -> Part | None:
    match = NAME.fullmatch(name)
    if match is None:
        return None
    token, kind = match[1].upper(), match[2].upper()
    return Part(path, name, LAYOUTS[kind], token, is_zipped, size)
