"""Spark's own cluster: a master and two workers as processes on loopback, which see what they may."""

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyspark

from tests.chaos.disk import AS_ROOT
from tests.harness import session_of, until

HOST = "127.0.0.1"
WORKERS = 2
SPARK = Path(pyspark.__file__).parent
FAST = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # they start, and do next to nothing

# As `Program` has it: PySpark adds to that of the tests what would make these processes its own.
KEPT = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME", "LANG") if k in os.environ}


ALONE = """
set -e
IFS='
'
cd /
for directory in $HIDDEN; do mount -t tmpfs -o mode=1777 tmpfs "$directory"; done
cd "$TMPDIR"
exec setpriv --reuid="$OWNER" --regid="$GROUP" --clear-groups -- "$@"
"""
"""Starts a command as the owner of the tests, in a mount namespace where directories are empty disks."""


class Cluster:
    """
    A master and its workers, each a process of its own on loopback.

    With `hidden` directories each worker has a mount namespace, which takes root or sudo: these
    directories, and that of the cluster, are disks of its own there, empty at first. `environment` is
    added to that of the workers.
    """

    def __init__(
        self,
        directory: Path,
        hidden: Sequence[Path] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._directory = directory
        self._hidden = [directory, *hidden] if hidden else []
        self._environment = environment
        self._processes: list[subprocess.Popen[bytes]] = []
        self._port, self._page = free_port(), free_port()
        self.url = f"spark://{HOST}:{self._port}"

    def start(self) -> None:
        """Start all, and wait until the master knows every worker."""
        self._start("master", "--port", str(self._port), "--webui-port", str(self._page))
        until(lambda: self.state()["status"] == "ALIVE", 60, what="the master")
        for number in range(WORKERS):
            work = str(self._work(number))
            of_one = ["--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", work]
            self._start("worker", *of_one, self.url)
        until(lambda: self.state()["aliveworkers"] == WORKERS, 60, what="all workers")

    def state(self) -> dict[str, Any]:
        """Return what the master tells of itself; of none, that it is not there."""
        connection = http.client.HTTPConnection(HOST, self._page, timeout=10)
        try:
            connection.request("GET", "/json/")
            state: dict[str, Any] = json.loads(connection.getresponse().read())
            return state
        except (OSError, http.client.HTTPException, ValueError):  # the page comes before its JSON
            for process in self._processes:
                assert process.poll() is None, self.log()
            return {"status": "none", "aliveworkers": 0}
        finally:
            connection.close()

    def executors(self) -> list[set[str]]:
        """Return for each worker the applications that it ran an executor of."""
        return [
            {log.parents[1].name for log in self.seen(number, self._work(number), "app-*/*/stderr")}
            for number in range(WORKERS)
        ]

    def seen(self, number: int, directory: Path, pattern: str = "*") -> set[Path]:
        """Return what a worker, which has to run, sees in a directory."""
        roots = [Path(f"/proc/{pid}/root") for pid in self.processes(number)]
        return {path for root in roots for path in (root / directory.relative_to("/")).glob(pattern)}

    def processes(self, number: int) -> list[int]:
        """Return a worker's processes: itself, its executors and their Python."""
        leader = self._processes[1 + number].pid
        return [leader, *session_of(leader)]

    def kill(self, number: int) -> None:
        """Kill a worker, its executors and their Python at once."""
        _send(self.processes(number), signal.SIGKILL)
        self._processes[1 + number].wait()

    def log(self) -> str:
        """Return what the processes said."""
        return "\n".join(path.read_text(errors="replace") for path in self._directory.glob("*.log"))

    def end(self) -> None:
        """End all: the workers end their executors; what is left of any is killed."""
        for process in reversed(self._processes):
            _send([process.pid, *session_of(process.pid)], signal.SIGTERM)
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            _send([process.pid, *session_of(process.pid)], signal.SIGKILL)
            process.wait()

    def _work(self, number: int) -> Path:
        return self._directory / f"work-{number}"

    def _start(self, what: str, *arguments: str) -> None:
        name = f"{what}-{len(self._processes)}"
        isolated = bool(self._hidden) and what == "worker"
        local = self._directory if isolated else self._directory / f"local-{name}"
        local.mkdir(exist_ok=True)
        # LC_ALL, or Java finds no classes below a path with an accent; the REST server would be one more
        # port, and a fixed one.
        environment = {
            **KEPT,
            "LC_ALL": "C.UTF-8",
            "SPARK_HOME": str(SPARK),
            "SPARK_LOCAL_DIRS": str(local),
            "TMPDIR": str(local),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": f"{FAST} -Dspark.master.rest.enabled=false",
            **(self._environment if what == "worker" else {}),
        }
        command = [
            str(SPARK / "bin" / "spark-class"),
            f"org.apache.spark.deploy.{what}.{what.capitalize()}",
            *("--host", HOST, *arguments),
        ]
        if isolated:
            command = self._alone(command, environment)
        with (self._directory / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(
                command,
                cwd=self._directory,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(started)

    def _alone(self, command: list[str], environment: dict[str, str]) -> list[str]:
        """Return the command in a mount namespace; sudo would not pass the environment on."""
        hidden = "\n".join(map(str, self._hidden))
        variables = {**environment, "HIDDEN": hidden, "OWNER": os.getuid(), "GROUP": os.getgid()}
        passed = [f"{name}={value}" for name, value in variables.items()]
        return [*AS_ROOT, "unshare", "--mount", "env", *passed, "sh", "-c", ALONE, "sh", *command]


def _send(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to those of the processes that are there and ours: sudo ends with its command."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(directory: Path, *options: Any) -> Iterator[Cluster]:
    """Run a cluster, and end it; the options are those of `Cluster`."""
    made = Cluster(directory, *options)
    try:
        made.start()
        yield made
    finally:
        made.end()
