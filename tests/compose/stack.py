"""A compose project of its own: a copy of the checkout, free ports, and what people do with it."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
DAG = "/api/v2/dags/novas_empresas"
FIELDS = ("capital_social_total", "quantidade_empresas", "capital_social_medio")
FOREIGN = 12345  # a user id that no image knows
IMAGE = "city-features:compose-test"


class Stack:
    """The environment of docker-compose.yml, in a copy of the checkout with empty directories."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="compose-test-"))
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                target = self.directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        self.directory.chmod(0o755)
        self.owner = FOREIGN if os.getuid() == 0 else os.getuid()
        if os.getuid() == 0:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, FOREIGN, FOREIGN)
        self.landing_zone = self.directory / "landing_zone"
        self.source = self.directory / "examples"
        self._ports = {
            name: str(_free_port())
            for name in ("AIRFLOW_PORT", "PANEL_PORT", "REDIS_PORT", "SPARK_UI_PORT")
        }
        self._environment = {
            "COMPOSE_PROJECT_NAME": self.directory.name.lower(),
            "CITY_FEATURES_IMAGE": IMAGE,
            **self._ports,
        }
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        self._command = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
        self._token = ""
        self.logs = ""
        """All that containers that are gone have said."""
        self._memory: dict[str, tuple[float, float]] = {}
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, daemon=True)
        self._watch.start()

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run `docker compose` as a person would, in the checkout; return what it printed."""
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self.directory,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"docker compose {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def page(self, path: str) -> str:
        """Return a page or a file of the panel, as a browser on this machine gets it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['PANEL_PORT']}{path}") as answer:
            return str(answer.read().decode("utf-8-sig"))

    def down(self) -> None:
        """Stop everything and remove the containers; their logs are kept here."""
        self.logs += self.compose("--profile", "*", "logs", "--no-color")
        self.compose("--profile", "*", "down")

    def readme(self) -> list[str]:
        """Return the commands of the documents' sections on docker compose, fit for this project."""
        section = self._section("README.md", "With docker compose")
        section += self._section("docs/operations.md", "Docker compose")
        commands: list[str] = []
        for kind, block in re.findall(r"^```(sh|bash)\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            commands += block.splitlines() if kind == "sh" else [block]
        assert len(commands) == 4, commands
        fit = {
            "docker compose exec ": f"{' '.join(self._command)} exec -T ",
            "docker compose ": f"{' '.join(self._command)} ",
            "exec -T -T ": "exec -T ",
            "127.0.0.1:8080": f"127.0.0.1:{self._ports['AIRFLOW_PORT']}",
        }
        for original, here in fit.items():
            commands = [command.replace(original, here) for command in commands]
        return commands

    def _section(self, document: str, heading: str) -> str:
        text = (self.directory / document).read_text("utf-8")
        return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]

    def shell(self, command: str) -> str:
        """Run a command line as a person would type it, and return what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.directory,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def runs(self) -> list[str]:
        """Return the paths of all runs of the DAG, oldest first."""
        runs = self.api("GET", f"{DAG}/dagRuns?order_by=run_after&limit=100")["dag_runs"]
        return [f"{DAG}/dagRuns/{quote(run['dag_run_id'])}" for run in runs]

    def up(self, *profiles: str, **environment: str) -> list[dict[str, Any]]:
        """Start everything, wait until it is healthy, and return the containers."""
        self._environment.update(environment)
        chosen = [part for name in profiles for part in ("--profile", name)]
        self.compose(*chosen, "up", "--detach", "--wait", "--wait-timeout", "600")
        self._token = ""
        return self.containers()

    def containers(self) -> list[dict[str, Any]]:
        """Return what `docker compose ps` says of each container."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return [json.loads(line) for line in lines]

    def environments(self) -> str:
        """Return what every container was given as its environment, and as its command."""
        names = self.compose("--profile", "*", "ps", "--all", "--quiet").split()
        parts = "{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Entrypoint}}"
        return self.shell(f"docker inspect --format '{parts}' {' '.join(names)}")

    def ran_executors(self, *workers: str) -> None:
        """Assert that each of these workers of Spark started an executor."""
        for worker in workers:
            log = self.compose("logs", worker)
            assert "Launching executor app-" in log or "Asked to launch executor app-" in log, log

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """Run a command in a service's container."""
        return self.compose("exec", "--no-TTY", service, *command, check=check)

    def redis(self, *command: str) -> str:
        """Run a command of redis-cli's in Redis' container, as the reader; errors are its answer too."""
        reader = ("--user", "leitor", "--pass", "leitor", "--no-auth-warning")
        return self.inside("redis", "redis-cli", *reader, *command, check=False).strip()

    def features(self) -> dict[str, tuple[str, ...]]:
        """Return key → (total, companies, mean) of cities and municipalities, read with redis-cli."""
        features = {}
        for key in self.redis("--scan").splitlines():
            if ":" not in key:
                features[key] = tuple(self.redis("hmget", key, *FIELDS).splitlines())
        return features

    def put(self, name: str, text: str, *, source: bool = False) -> None:
        """Write a file, whole, into the landing zone or where the DAG takes files from."""
        directory = self.source if source else self.landing_zone
        hidden = directory / f".{name}"
        hidden.write_text(text)
        os.chown(hidden, self.owner, -1)
        hidden.rename(directory / name)

    def api(self, method: str, path: str, document: object = None) -> Any:
        """Call Airflow's REST API; an answer that is an error raises HTTPError."""
        if not self._token and path != "/auth/token":
            password = self.inside("api-server", "as-owner", "cat", "/run/secrets-api/admin_password")
            login = {"username": "admin", "password": password}
            self._token = self.api("POST", "/auth/token", login)["access_token"]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._ports['AIRFLOW_PORT']}{path}",
            method=method,
            data=None if document is None else json.dumps(document).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def trigger(self, arquivo_csv: str | None = None) -> str:
        """Trigger the DAG; return the path of its run."""
        conf = {} if arquivo_csv is None else {"arquivo_csv": arquivo_csv}
        run = self.api("POST", f"{DAG}/dagRuns", {"logical_date": None, "conf": conf})
        return f"{DAG}/dagRuns/{quote(run['dag_run_id'])}"

    def tasks(self, run: str) -> dict[str, dict[str, Any]]:
        """Return the tasks of a run by id."""
        instances = self.api("GET", f"{run}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in instances}

    def ended(self, run: str) -> str:
        """Wait for a run to end, and return its state."""
        state = ("success", "failed")
        return str(
            until(lambda: (s := self.api("GET", run)["state"]) in state and s, 400, "the run's end")
        )

    def log(self, run: str, task: str, attempt: int = 1) -> list[dict[str, Any]]:
        """Return the log of a task's attempt, as Airflow shows it."""
        entries = self.api("GET", f"{run}/taskInstances/{task}/logs/{attempt}")["content"]
        return [entry for entry in entries if isinstance(entry, dict)]

    def _watch_memory(self) -> None:
        project = f"{self._environment['COMPOSE_PROJECT_NAME']}-"
        command = ["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]
        while not self._ended.wait(2):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            for name, used, _, limit in map(str.split, done.stdout.splitlines()):
                if name.startswith(project) and used != "0B":
                    service = name.removeprefix(project).rpartition("-")[0]
                    most = self._memory.get(service, (0.0, 0.0))[0]
                    self._memory[service] = (max(most, _mebibytes(used)), _mebibytes(limit))

    def end(self) -> dict[str, tuple[float, float]]:
        """Remove everything; return each service's memory, at most and its limit, in MiB."""
        self._ended.set()
        self._watch.join()
        self.compose("--profile", "*", "down", "--volumes", "--timeout", "20", check=False)
        shutil.rmtree(self.directory)
        return self._memory


def until(done: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.2)
    return value


def refused(call: Callable[[], object]) -> int:
    """Return the status of the error with which a call of the API is refused."""
    try:
        call()
    except urllib.error.HTTPError as error:
        return error.code
    raise AssertionError("was not refused")


def _mebibytes(text: str) -> float:
    for unit, size in (("GiB", 1024), ("MiB", 1), ("KiB", 1 / 1024), ("B", 1 / 1024**2)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * size
    raise AssertionError(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
