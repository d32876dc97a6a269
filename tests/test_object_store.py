"""The object store that is started by hand serves with what it prints, and ends with its command."""

import os
import re
import subprocess
import sys
import tempfile

import psutil
import pytest

from streaming.landing.bucket import Bucket
from tests import object_store

pytestmark = pytest.mark.slow


def test_what_the_command_prints_is_a_zone_until_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="weed-", dir="/tmp") as directory,  # for what a kill leaves
        subprocess.Popen(
            [sys.executable, "-m", "tests.object_store"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": directory},
        ) as command,
    ):
        try:
            assert command.stdout is not None
            lines = [command.stdout.readline() for _ in range(6)]
            exported = dict(re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines)
            for name, value in exported.items():
                monkeypatch.setenv(name, value)
            zone = Bucket(exported["LANDING_ZONE"], exported["LANDING_ZONE_ENDPOINT"])
            zone.conditions(archive=True)
            assert zone.listing() == []
            [server] = psutil.Process(command.pid).children()
            ports = re.findall(r"-(\w+)\.port=(\d+)", " ".join(server.cmdline()))
        finally:
            command.kill()
        server.wait(10)
        object_store.remove_sockets({name: int(port) for name, port in ports})
