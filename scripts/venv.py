"""Make ``.venv`` hold exactly what a lock names, with the project itself installed editable on top.

Run as ``python scripts/venv.py requirements.txt``. Every downloaded file is checked against the
hashes of the lock, the build backend included. While nothing has changed it costs nothing; another
Python, place or lock makes the venv anew, another pyproject.toml only reinstalls the project. A
build that was interrupted is never taken for a finished one, and of two at the same time the second
waits for the first. Plain pip is enough.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
from itertools import dropwhile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# What the venv was made from. Absent while anything is being installed.
WHOLE = VENV / "whole"

# How pip lets a shell start a script whose interpreter the kernel cannot: its first line, and ours.
QUOTED = b"#!/bin/sh\n'''exec' "
BESIDE = QUOTED + b'"$(dirname -- "$(readlink -f -- "$0")")/python" "$0" "$@"\n'


def main(lock: Path) -> None:
    """Bring ``.venv`` up to date with ``lock``, or exit with one line saying why not."""
    with Path(__file__).open() as mutex:
        try:
            fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another make to finish .venv")
            fcntl.flock(mutex, fcntl.LOCK_EX)
        os.set_inheritable(mutex.fileno(), True)  # pip holds it too, should this process be killed
        build(lock)


def build(lock: Path) -> None:
    """Install ``lock`` and the project unless that is already done."""
    need_a_name()
    made_from = f"{sys.version} {sys.base_prefix} {VENV} {digest(*ROOT.glob('requirements*.txt'))}"
    project = digest(ROOT / "pyproject.toml")
    done = VENV / f"{lock.stem}.done"
    anew = text(WHOLE) != made_from
    if not anew and text(done) == project:
        return

    WHOLE.unlink(missing_ok=True)
    if anew:
        need_ensurepip()
        say(f"Creating .venv with Python {sys.version.split()[0]}, in a minute or two (900 MB)")
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    say(f"Installing {lock.name}")
    backend = VENV / "backend.txt"
    backend.write_text(locked("setuptools", lock.read_text()))
    pip("--require-hashes", "--requirement", str(backend))
    pip("--require-hashes", "--no-build-isolation", "--requirement", str(lock))
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    mend_scripts()
    done.write_text(project)
    WHOLE.write_text(made_from)
    say("Done: .venv is ready")


def need_a_name() -> None:
    """Stop where neither Java nor a .venv works, before anything is downloaded."""
    name = os.fsencode(ROOT)
    if b":" in name or name.decode("utf-8", "replace").encode() != name:
        sys.exit(f"Java and Python cannot use {str(ROOT)!r}: move it to a path in UTF-8 without a colon")


def mend_scripts() -> None:
    """
    Let the programs in .venv/bin find their python beside themselves.

    Where its path has a space, pip writes it between double quotes into a line that a shell reads, and
    the shell takes a dollar sign or a quote in it for its own.
    """
    for program in (VENV / "bin").iterdir():
        content = program.read_bytes()
        if content.startswith(QUOTED):
            rest = content.split(b"\n", 2)[2]
            program.write_bytes(BESIDE + rest)


def need_ensurepip() -> None:
    """Get what ``python -m venv`` lacks on a Debian that splits it off, or say how to."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if subprocess.call([ROOT / "scripts" / "apt.sh", package]):
        sys.exit(f"This Python cannot make a .venv; as root: apt-get install {package}")


def pip(*arguments: str) -> None:
    """Install quietly: one line for each thing that takes long, and everything if it fails."""
    # PySpark comes as source only: storing its jars saves deflating 456 MB just to inflate them.
    config = VENV / "wheel.cfg"
    config.write_text("[bdist_wheel]\ncompression = stored\n")
    command = [f"{VENV}/bin/python", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    # Compiling every module takes longer than compiling, at first import, those that are used.
    command += ["install", "--no-compile", *arguments]
    lines = []
    with subprocess.Popen(
        command,
        env=os.environ | {"DIST_EXTRA_CONFIG": str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if long := re.match(r" *Downloading ([^-]+)\S+ \((\d\d+\.\d MB)\)", line):
                say(f"  downloading {long[1]}, {long[2]}")
            elif long := re.match(r" *Building wheel for (?!city.features)(\S+).*started", line):
                say(f"  unpacking {long[1]}")
    if process.returncode:
        errors = list(dropwhile(lambda line: "error" not in line.lower(), lines)) or lines
        sys.exit(f"{''.join(errors)}pip failed, see above; then make again")


def locked(package: str, lock: str) -> str:
    """One package's lines of a lock: its version and its hashes."""
    lines = re.search(rf"^{package}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    return lines[0] if lines else ""


def run(*command: str) -> None:
    """Run a command that either works or ends everything."""
    if subprocess.call(command):
        sys.exit(f"failed: {' '.join(command)}")


def digest(*paths: Path) -> str:
    """One hash for the contents of some files."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(paths))).hexdigest()


def text(path: Path) -> str:
    """What is in a file, nothing if there is none."""
    return path.read_text() if path.exists() else ""


def say(line: str) -> None:
    """Tell the person who waits, at once."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(ROOT / sys.argv[1])
