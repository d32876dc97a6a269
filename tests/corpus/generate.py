"""Inputs too big, too hostile or too oddly named to be kept as files; each is named by its function."""

import gzip
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

HEADER = "cnpj,data_abertura,cidade,estado,capital_social\n"
MB = 1024 * 1024


def cnpj(number: int, company: int = 0) -> str:
    """Return a CNPJ that only input `number` has."""
    return f"{40_000_000 + number * 1000 + company:08d}000100"


def row(number: int, company: int = 0, estado: str = "RN") -> str:
    return f"{cnpj(number, company)},2024-01-31,Natal,{estado},10.00\n"


def packed(path: Path, parts: Iterable[bytes]) -> None:
    with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as writer:
        for part in parts:
            writer.write(part)


def one_company(path: Path, number: int) -> None:
    """One row that fits, and one that does not."""
    path.write_text(HEADER + row(number) + row(number, 1, "XX"))


# Sizes


def million_empty_lines(path: Path, number: int) -> None:
    path.write_text(HEADER + row(number) + "\n" * 1_000_000 + row(number, 1))


def line_of_100_mb(path: Path, number: int) -> None:
    path.write_text(HEADER + row(number) + "x" * 100_000_000 + "\n" + row(number, 1))


def columns_20481(path: Path, number: int) -> None:
    extra = [f"coluna{n}" for n in range(20_476)]
    path.write_text(
        ",".join([HEADER.strip(), *extra]) + "\n" + row(number).strip() + ",x" * 20_476 + "\n"
    )


def header_of_2_mb(path: Path, number: int) -> None:
    path.write_text(HEADER.strip() + "," + "x" * 2 * MB + "\n" + row(number))


def quote_unclosed_20_mb(path: Path, number: int) -> None:
    inside = "".join(row(number, 2) for _ in range(500_000))
    path.write_text(HEADER + row(number) + cnpj(number, 1) + ',2024-01-31,"Natal,RN,10.00\n' + inside)


def quote_closed_late(path: Path, number: int) -> None:
    quote_unclosed_20_mb(path, number)
    with path.open("a") as writer:
        writer.write('",RN,10.00\n' + row(number, 3))


def short_rows_20_mb(path: Path, number: int) -> None:
    short = f"{cnpj(number)},2024-01-31,Natal,{'x' * 1000}\n"
    path.write_text(HEADER + short * 20_000)


# gzip: files of some MB that unpack to 1 GB


def zeros_1_gb(path: Path, number: int) -> None:
    packed(path, (bytes(MB) for _ in range(1024)))


def bomb_one_line(path: Path, number: int) -> None:
    """Of one member, as gzip makes it."""
    packed(path, [(HEADER + row(number)).encode(), *[b"x" * MB] * 1024])


def bomb_zeros(path: Path, number: int) -> None:
    _bomb(path, number, bytes(MB))


def bomb_empty_lines(path: Path, number: int) -> None:
    _bomb(path, number, b"\n" * MB)


def bomb_rows(path: Path, number: int) -> None:
    _bomb(path, number, b"x\n" * (MB // 2))


def bomb_open_quote(path: Path, number: int) -> None:
    _bomb(path, number, b"x\n" * (MB // 2), start='"')


def _bomb(path: Path, number: int, part: bytes, start: str = "") -> None:
    """Of many members, as these are made in no time."""
    head = gzip.compress((HEADER + row(number) + start).encode(), mtime=0)
    path.write_bytes(head + gzip.compress(part, mtime=0) * 1024)


def packs_well(path: Path, number: int) -> None:
    """No bomb: 100,000 companies in lines that are mostly the same."""
    note = "Inscrita por meio do portal da Redesim e sem pendencias. " * 16
    rows = (f"{70_000_000 + n:08d}000100,2024-01-31,Natal,RN,10.00,{note}\n" for n in range(100_000))
    packed(path, (line.encode() for line in [HEADER.strip() + ",nota\n", *rows]))


# What is no file. `outside` lies beside the landing zone, and must never be read.


def outside(path: Path) -> Path:
    return path.parent.parent / "outside.csv"


def link_outside(path: Path, number: int) -> None:
    path.symlink_to(outside(path))


def link_inside(path: Path, number: int) -> None:
    path.symlink_to("boa-1.csv")


def link_zero(path: Path, number: int) -> None:
    path.symlink_to("/dev/zero")


def link_loop(path: Path, number: int) -> None:
    path.symlink_to(path.name)


def link_dangling(path: Path, number: int) -> None:
    path.symlink_to("nowhere.csv")


def link_directory(path: Path, number: int) -> None:
    """A directory with CSV files that nobody dropped."""
    target = path.parent.parent / "outside"
    target.mkdir()
    one_company(target / "inside.csv", number)
    path.symlink_to(target)


def fifo(path: Path, number: int) -> None:
    os.mkfifo(path)


def socket_file(path: Path, number: int) -> None:
    where = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(where)


def directory(path: Path, number: int) -> None:
    path.mkdir()
    one_company(path / "inside.csv", number)


def device(path: Path, number: int) -> None:
    """The endless zeros of /dev/zero; only root may make a device."""
    os.mknod(path, 0o20666, os.makedev(1, 5))


def closed(path: Path, number: int) -> None:
    one_company(path, number)
    path.chmod(0)


MAKERS: dict[str, Callable[[Path, int], None]] = {
    maker.__name__: maker
    for maker in (
        one_company,
        million_empty_lines,
        line_of_100_mb,
        columns_20481,
        header_of_2_mb,
        quote_unclosed_20_mb,
        quote_closed_late,
        short_rows_20_mb,
        zeros_1_gb,
        bomb_one_line,
        bomb_zeros,
        bomb_empty_lines,
        bomb_rows,
        bomb_open_quote,
        packs_well,
        link_outside,
        link_inside,
        link_zero,
        link_loop,
        link_dangling,
        link_directory,
        fifo,
        socket_file,
        directory,
        device,
        closed,
    )
}
