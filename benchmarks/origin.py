"""Where figures come from, told without a name or a path of the machine."""

import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.arena import ROOT, Arena
from benchmarks.results import Origin
from streaming.spark import java

PACKAGES = {"PySpark": "pyspark", "DuckDB": "duckdb", "PyArrow": "pyarrow", "redis-py": "redis"}
MEASURED = ("streaming", "benchmarks/*.py", "benchmarks/peers")


def origin(arena: Arena, command: str) -> Origin:
    """Return what there is to say of figures that this command gives now."""
    return Origin(_machine(), _software(arena), f"{datetime.now(UTC):%Y-%m-%d}", _commit(), command)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores of {model}, {memory:.0f} GiB of memory, {platform.system()}"


def _software(arena: Arena) -> str:
    server = arena.redis.info("server")
    redis = (
        f"{server.get('server_name', 'redis')} {server.get('valkey_version', server['redis_version'])}"
    )
    versions = {"Python": platform.python_version(), "Java": java.version()}
    versions |= {name: version(package) for name, package in PACKAGES.items()}
    return ", ".join(f"{name} {number}" for name, number in versions.items()) + f"; {redis}"


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    if not commit:
        return "unknown"
    return f"{commit} with changes" if _git("status", "--porcelain", "--", *MEASURED) else commit


def _git(*what: str) -> str:
    """Return what git says; nothing where there is no git, or no repository."""
    program = shutil.which("git")
    if program is None:
        return ""
    done = subprocess.run([program, *what], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
