"""The programs of a .venv in a checkout of any name."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.harness import ROOT


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/venv.py, of a checkout whose path a shell would take apart."""
    spec = importlib.util.spec_from_file_location("venv_script", ROOT / "scripts" / "venv.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / 'São Paulo $HOME "x"'
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(module, "VENV", root / ".venv")
    return module


def test_a_program_starts_with_the_python_beside_it_whatever_the_checkout_is_called(
    venv: ModuleType, tmp_path: Path
) -> None:
    program = venv.VENV / "bin" / "say"
    # As pip writes it.
    program.write_text(
        f"#!/bin/sh\n'''exec' \"{venv.VENV}/bin/python\" \"$0\" \"$@\"\n' '''\nprint('said')\n"
    )
    program.chmod(0o755)
    (tmp_path / "link").symlink_to(program)

    venv.mend_scripts()

    for path in (program, tmp_path / "link"):
        done = subprocess.run([path], capture_output=True, text=True, check=True)
        assert done.stdout == "said\n"


@pytest.mark.parametrize("name", ["a:b", "S\udce3o"])
def test_a_checkout_that_java_cannot_load_from_is_said_before_anything_is_built(
    venv: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(venv, "ROOT", tmp_path / name)

    with pytest.raises(SystemExit, match="move it to a path in UTF-8 without a colon"):
        venv.build(tmp_path / "requirements.txt")
