"""Prometheus' own programs, for tests."""

import shutil
import subprocess

import pytest

from tests.harness import ROOT

PACKAGES = {"promtool": "prometheus"}


def installed(program: str) -> str:
    """Return the path of a program; it is installed with apt where one may, else the test fails."""
    if shutil.which(program) is None:
        package = PACKAGES.get(program, program)
        subprocess.run([ROOT / "scripts" / "apt.sh", package], check=False)
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: apt-get install {package}", pytrace=False)
    return str(shutil.which(program))
