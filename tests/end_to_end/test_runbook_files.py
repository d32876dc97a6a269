"""The runbook where files, disks or checkpoints are the trouble."""

from pathlib import Path

import pytest

from streaming.store import local_server
from tests import oracle
from tests.chaos.disk import small
from tests.end_to_end.conftest import Hosts
from tests.end_to_end.runbook import Steps
from tests.harness import row

MEBIBYTE = 1024 * 1024


@pytest.mark.mount
def test_disk_full(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    with small(tmp_path / "host", 6 * MEBIBYTE) as fill:
        steps, host = Steps("Disk full"), hosts()
        try:
            contents = [host.put("a.csv", [row(1), row(2)])]
            host("run")
            host.put("rejeitada.csv", [row(3), row(4, "-1")])
            contents += [oracle.text([row(3)]), host.put("boa.csv", [row(n) for n in range(2, 40)])]
            fill(0)
            host("run", code=1)

            steps.next(host)
            fill(6 * MEBIBYTE)
            steps.next(host)

            steps.end()
            host.holds(*contents)
        finally:
            local_server.stop(host.directory / ".redis")


def test_a_bad_file(hosts: Hosts) -> None:
    steps, host = Steps("A bad file"), hosts()
    host.put("cabecalho.csv", "a,b\n1,2\n")
    host.put("linhas.csv", [row(1), row(2, "-1")])
    host("run")
    corrected = host.directory / "corrected"
    corrected.mkdir()
    contents = [oracle.text([row(1)])]
    for name, rows in (("cabecalho.csv", [row(3)]), ("linhas.csv", [row(1), row(2)])):
        contents.append(oracle.text(rows))
        (corrected / name).write_text(contents[-1])

    assert "linhas.csv: capital_social: negative: " in steps.next(host)
    assert "rejected       0" in steps.next(host)

    host("redis", "cli", "set", "Belém", "mine")
    contents.append(host.put("chave.csv", [row(4, cidade="Belém", estado="PA")]))
    host("run", code=1)
    assert steps.next(host).splitlines()[0] == "string"

    steps.end()
    host("redis", "cli", "del", "outro:Belém")
    host.holds(*contents)


def test_half_a_file(hosts: Hosts) -> None:
    steps, host = Steps("Half a file"), hosts(SETTLE_SECONDS="60", SETTLE_TIMEOUT="0")
    (host.directory / "whole").mkdir()
    contents = []
    for name, number in (("metade.csv", 1), ("tarde.csv", 3)):
        contents.append(oracle.text([row(number), row(number + 1, "1000.00")]))
        (host.directory / "whole" / name).write_text(contents[-1])

    host.put("metade.csv", contents[0].removesuffix("00.00\n"))
    host("run")
    steps.next(host)
    assert "waiting        0" in host("status")
    host.holds(contents[0])

    host.environment |= {"SETTLE_SECONDS": "0.2", "SETTLE_TIMEOUT": "10"}
    host.put("tarde.csv", contents[1].removesuffix("00.00\n"))
    host("run")
    steps.next(host)

    steps.end()
    host.holds(*contents)


def test_a_file_to_undo(hosts: Hosts) -> None:
    steps, host = Steps("A file to undo"), hosts()
    first = host.put("a.csv", [row(1)])
    host.put("errado.csv", [row(1, "9.00"), row(2, "999.00")])
    later = host.put("b.csv", [row(2), row(3)])
    host("run")

    steps.next(host)

    steps.end()
    host.holds(first, later)


def test_a_checkpoint_lost(hosts: Hosts) -> None:
    steps, host = Steps("Checkpoint lost"), hosts()
    contents = [host.put("a.csv", [row(1)])]
    host("run")
    checkpoint = host.directory / "checkpoints" / "run"
    for log in (checkpoint / "offsets").glob("[0-9]*"):
        log.write_text("damaged")
    for checksum in checkpoint.rglob(".*.crc"):
        checksum.unlink()
    contents.append(host.put("b.csv", [row(1, "9.00"), row(2)]))
    host("run", code=1)

    contents.append(host.put("c.csv", [row(2, "9.00"), row(3)]))
    assert "file=c.csv new=1" in steps.next(host)

    steps.end()
    host.holds(*contents)
