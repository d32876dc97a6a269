"""
The whole environment from zero, as a person uses it: `make compose-test`.

Needs a Docker engine, Compose v2 and the base images (tests/compose/stand-ins.sh where there is no
registry of images). Prints what it sees; ends at the first thing that is not as it should be.
"""

import csv
import io
import re
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests import oracle
from tests.compose.stack import Stack, refused, until

EXAMPLE = "novas_empresas.csv"
OURS = ("api-server", "scheduler", "dag-processor", "triggerer", "panel")
RUNNING = ("postgres", "redis", *OURS)
ROWS = 300_000
STATUS = "grep -hsE '^(Uid|CapEff|CapBnd|NoNewPrivs):' /proc/[0-9]*/status; true"
POWERLESS = {"CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1"}
SPARK_RUNS = {"-m streaming run", "org.apache.spark.deploy.SparkSubmit"}
STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def companies(first: int, count: int) -> str:
    """Return a file of so many companies, in four cities, two of them of the same name."""
    places = (("Natal", "RN"), ("São Paulo", "SP"), ("Bom Jesus", "PI"), ("Bom Jesus", "RS"))
    return oracle.text(
        (f"{first + n:08d}000100", "2025-07-28T09:00:00Z", *places[n % 4], f"{n % 1000}.{n % 100:02d}")
        for n in range(count)
    )


class Walk:
    """What is tried, in order; `files` are those that were counted so far, in the order they were."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.readme = stack.readme()
        self.files = [(stack.source / EXAMPLE).read_text()]

    def holds(self) -> None:
        """Assert that Redis holds exactly what the files add up to."""
        expected = oracle.features(self.files)
        features = self.stack.features()
        assert features == expected, {
            k: (features.get(k), v) for k, v in expected.items() if features.get(k) != v
        }
        say(f"  redis-cli: {len(features)} keys, all as counted by hand")

    def ran(self, run: str, state: str = "success") -> dict[str, dict[str, Any]]:
        """Wait for a run's end in this state, show its tasks, and return them."""
        ended = self.stack.ended(run)
        tasks = self.stack.tasks(run)
        shown = ", ".join(
            f"{name} {task['state']} {task['duration'] or 0:.1f} s" for name, task in tasks.items()
        )
        say(f"  run {ended}: {shown}")
        failed = [name for name, task in tasks.items() if task["state"] in ("failed", "up_for_retry")]
        assert ended == state, [self._why(run, name) for name in failed]
        return tasks

    def up_from_zero(self) -> None:
        """README's first command, without anything before it"""
        say(f"  {self.readme[0]}")
        self.stack.shell(self.readme[0])
        containers = self.stack.containers()
        for c in containers:
            ended = f"with {c['ExitCode']}" if c["State"] == "exited" else c["Health"]
            say(f"  {c['Service']}: {c['State']} {ended}")
        states = {c["Service"]: (c["State"], c["Health"]) for c in containers}
        assert {name: states[name] for name in RUNNING} == dict.fromkeys(RUNNING, ("running", "healthy"))

    def the_example(self) -> None:
        """The other commands of the documents: the DAG with the example, Redis, the DAG from outside"""
        for command in self.readme[1:]:
            output = self.stack.shell(command)
            say(f"  {command.splitlines()[0]}\n           {' '.join(output.split())[-160:]}")
            for run in self.stack.runs():
                self.ran(run)
            self.holds()

    def shown(self) -> None:
        """The panel: figures of Redis, files of the landing zone, checks"""
        rows = csv.DictReader(io.StringIO(self.stack.page("/ranking.csv")), delimiter=";")
        shown = {
            row["municipio"]: (row["capital_social_total"].replace(",", "."), row["quantidade_empresas"])
            for row in rows
        }
        expected = oracle.features(self.files)
        assert shown == {key: values[:2] for key, values in expected.items() if "/" in key}, shown
        page = self.stack.page("/ingestao")
        assert EXAMPLE in page and "em ordem" in page and "atenção" not in page, page
        say(f"  {len(shown)} municipalities as counted by hand; files and checks are in order")

    def nothing_open(self) -> None:
        """Who runs what, and what anyone may do"""
        stack = self.stack
        for path in (stack.landing_zone / EXAMPLE, stack.directory / "checkpoints" / "run"):
            assert path.stat().st_uid == stack.owner, (path, path.stat().st_uid)
        say(f"  files written in containers belong to uid {stack.owner}, who owns the checkout")
        for service in OURS:
            uid = f"Uid: {' '.join([str(stack.owner)] * 4)}"
            # A health check or this very look begins as root, and is the owner a moment later.
            until(partial(self._is_all, service, {uid, *POWERLESS}), 10, f"{service}: {uid}")
            readonly = stack.inside(
                service, "as-owner", "touch", "/opt/city-features/dags/x", check=False
            )
            assert "Read-only" in readonly, readonly
        say("  so does every process there, none with a capability; root file systems are read-only")
        for command in (("set", "a", "1"), ("flushall",), ("get", "ledger:0"), ("config", "get", "*")):
            reply = stack.redis(*command)
            assert "NOPERM" in reply, (command, reply)
        say("  redis-cli as leitor: reads features; set, flushall, get, config are refused")
        for name in ("../x.csv", "a;b.csv", "x.csv\n", "$(id).csv"):
            assert refused(lambda name=name: stack.trigger(name)) == 400  # type: ignore[misc]
        assert (
            refused(lambda: stack.api("POST", "/auth/token", {"username": "admin", "password": "admin"}))
            == 401
        )
        say("  hostile arquivo_csv refused with 400, a wrong password with 401")

    def _is_all(self, service: str, status: set[str]) -> bool:
        output = self.stack.inside(service, "as-owner", "sh", "-c", STATUS)
        return {line.replace("\t", " ") for line in output.splitlines()} == status

    def arrived(self) -> None:
        """A file copied into landing_zone/ starts a run by itself, once, and stays"""
        before = self.stack.runs()
        text = companies(20_000_000, 100)
        self.stack.put("chegou.csv", text)
        at = time.monotonic()
        run = until(lambda: (new := self._since(before)) and new[0], 90, "a run for the file")
        say(f"  a run began after {time.monotonic() - at:.1f} s")
        self.ran(run)
        assert self.stack.api("GET", run)["run_type"] == "asset_triggered"
        self.files.append(text)
        self.holds()
        assert (self.stack.landing_zone / "chegou.csv").read_text() == text
        self.stack.put("fechada.csv", text)
        (self.stack.landing_zone / "fechada.csv").chmod(0)
        before += self._since(before)
        self.ran(until(lambda: (new := self._since(before)) and new[0], 90, "a run for it"), "failed")
        time.sleep(30)  # six looks
        assert len(self._since(before)) == 1
        (self.stack.landing_zone / "fechada.csv").unlink()
        say("  a file that cannot be read started one run, and no other")

    def _since(self, before: list[str]) -> list[str]:
        """Return the runs that were not there before, without those of the full hour."""
        return [run for run in self.stack.runs() if run not in before and "scheduled" not in run]

    def bad_and_good(self) -> None:
        """A file without the columns, one that may not be read, and a good one in the same run"""
        good, closed = companies(30_000_000, 1000), companies(35_000_000, 10)
        self.stack.put("boas.csv", good)
        self.stack.put("fechada.csv", closed)
        (self.stack.landing_zone / "fechada.csv").chmod(0)
        self.stack.put("ruim.csv", "a,b\n1,2\n", source=True)
        run = self.stack.trigger("ruim.csv")
        tasks = self.ran(run, "failed")
        assert (tasks["conferir_features"]["state"], tasks["conferir_features"]["try_number"]) == (
            "failed",
            1,
        )
        failures = [e for e in self.stack.log(run, "conferir_features") if e["event"] == "failed"]
        assert len(failures) == 1 and "ruim.csv: missing column" in failures[0]["reason"], failures
        assert "fechada.csv: Permission denied" in failures[0]["reason"], failures
        say(f"  its log: {failures[0]['reason']}")
        self.files.append(good)
        self.holds()
        (self.stack.landing_zone / "fechada.csv").chmod(0o644)
        self.files.append(closed)

    def without_redis(self) -> None:
        """Redis stopped: the check waits for it"""
        self.stack.compose("stop", "redis")
        run = self.stack.trigger()
        until(lambda: self.stack.tasks(run)["verificar_redis"]["state"] == "up_for_retry", 90, "a retry")
        say("  verificar_redis is up for retry: " + self._why(run, "verificar_redis"))
        self.stack.compose("start", "redis")
        self.ran(run)
        self.holds()

    def _why(self, run: str, task: str) -> str:
        failures = [e for e in self.stack.log(run, task) if e["event"] == "Task failed with exception"]
        return f"{task}: {failures[0]['error_detail'][0]['exc_value']}" if failures else f"{task}: -"

    def killed(self) -> None:
        """A run marked as failed while Spark reads: the process ends with the task"""
        big = companies(40_000_000, ROWS)
        self.stack.put("grande.csv", big)
        run = self.stack.trigger()
        until(lambda: self._processes() == SPARK_RUNS, 120, "Spark")
        self.stack.api("PATCH", run, {"state": "failed"})
        at = time.monotonic()
        until(lambda: not self._processes(), 60, "the end of city-features run")
        say(f"  marked as failed: process and Spark gone after {time.monotonic() - at:.1f} s")
        self.ran(self.stack.trigger())
        self.files.append(big)
        self.holds()

    def scheduler_killed(self) -> None:
        """The scheduler's container killed while Spark reads, and started again"""
        big = companies(70_000_000, ROWS)
        self.stack.put("outra-grande.csv", big)
        run = self.stack.trigger()
        until(lambda: self._processes() == SPARK_RUNS, 120, "Spark")
        scratch = until(self._scratch, 60, "what Spark keeps in /tmp")
        self.stack.compose("kill", "--signal", "KILL", "scheduler")
        self.stack.compose("start", "scheduler")
        until(lambda: not scratch & self._scratch(), 30, f"the end of {scratch}")
        say(f"  what Spark left in /tmp is gone: {', '.join(sorted(scratch))}")
        self.ran(run)
        self.files.append(big)
        self.holds()

    def _scratch(self) -> set[str]:
        """Return what the service and Spark keep in the scheduler's /tmp."""
        names = self.stack.inside("scheduler", "as-owner", "ls", "/tmp").split()
        return {name for name in names if name.startswith(("spark-", "blockmgr-", "city-features-"))}

    def _processes(self) -> set[str]:
        """Return which of the run and its JVM are there; that the check runs java does not count."""
        script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
        command_lines = self.stack.inside("scheduler", "as-owner", "sh", "-c", script)
        return {name for name in SPARK_RUNS if name in command_lines}

    def restarted(self) -> None:
        """`docker compose restart`, and the same again"""
        self.stack.compose("restart")
        self._again()

    def down_and_up(self) -> None:
        """`docker compose down`, `docker compose up`, and the same again"""
        self.stack.down()
        self._again()

    def _again(self) -> None:
        self.stack.up()
        before = self.stack.redis("hgetall", "São Paulo")
        self.holds()
        self.ran(self.stack.trigger(EXAMPLE))
        assert self.stack.redis("hgetall", "São Paulo") == before
        say("  a second run with the same file added nothing")

    def followed(self) -> None:
        """`--profile follow`: files copied into landing_zone/ on the host"""
        self.stack.up("follow")
        until(lambda: "following" in self.stack.compose("logs", "follow"), 60, "the stream")
        for number in range(3):
            text = companies(50_000_000 + number * 1000, 500)
            path = self.stack.landing_zone / f"copiado-{number}.csv"
            plain = self.stack.directory / path.name
            plain.write_text(text)
            self.files.append(text)
            at = time.monotonic()
            shutil.copy2(plain, path)  # as cp -p does; what is being written is waited for
            until(self._natal_is_counted, 30, path.name)
            say(f"  {path.name} in Redis after {time.monotonic() - at:.2f} s")
        self.holds()
        self.stack.compose("--profile", "follow", "stop", "follow")
        assert "Traceback" not in self.stack.compose("logs", "follow")

    def _natal_is_counted(self) -> bool:
        want = oracle.features(self.files)["Natal"][1]
        return self.stack.redis("hget", "Natal", "quantidade_empresas") == want

    def clustered(self) -> None:
        """`--profile cluster`: the same from a Spark master and two workers"""
        self.stack.down()
        self.stack.up("cluster", SPARK_MASTER="spark://spark-master:7077")
        for number in range(4):
            self.files.append(companies(60_000_000 + number * ROWS, ROWS // 4))
            self.stack.put(f"parte-{number}.csv", self.files[-1])
        self.ran(self.stack.trigger())
        self.stack.ran_executors("spark-worker-1", "spark-worker-2")
        answer = self.stack.inside("spark-worker-1", "as-owner", "executor", check=False)
        assert "SPARK_EXECUTOR_MEMORY" in answer, answer  # Kubernetes would give it its variables
        say("  both workers ran an executor; the image has the one for Kubernetes")
        self.holds()

    def no_secret_told(self) -> None:
        """No secret in the configuration, in an environment or in a log"""
        stack = self.stack
        show = "for file in /run/secrets*/*; do cat $file; echo; done"
        contents = "".join(
            stack.inside(s, "as-owner", "sh", "-c", show) for s in ("scheduler", "api-server", "panel")
        )
        secrets = {word for word in re.split(r'[\s":@]+', contents) if len(word) > 40}
        # Of PostgreSQL, the service and the panel in Redis, the administrator; Airflow's three.
        assert len(secrets) == 7, len(secrets)
        texts = {"configuration": stack.compose("--profile", "*", "config")}
        texts["logs"] = stack.logs + stack.compose("--profile", "*", "logs", "--no-color")
        texts["task logs"] = stack.inside("scheduler", "as-owner", "grep", "-rh", "", "/var/log/airflow")
        texts["environments"] = stack.environments()
        for place, text in texts.items():
            assert text.strip(), place
            assert not [secret for secret in secrets if secret in text], place
        say(f"  {len(secrets)} secrets looked for in {', '.join(texts)}: none found")


def main() -> None:
    """Walk through all of it."""
    stack = Stack()
    say(f"a copy of the checkout in {stack.directory}, owned by uid {stack.owner}")
    walk = Walk(stack)
    steps: list[Callable[[], None]] = [
        walk.up_from_zero,
        walk.the_example,
        walk.shown,
        walk.nothing_open,
        walk.arrived,
        walk.bad_and_good,
        walk.without_redis,
        walk.killed,
        walk.scheduler_killed,
        walk.restarted,
        walk.down_and_up,
        walk.followed,
        walk.clustered,
        walk.no_secret_told,
    ]
    try:
        for step in steps:
            say(str(step.__doc__))
            step()
    except BaseException:
        print(stack.compose("logs", "--no-color", "--tail", "30", check=False), file=sys.stderr)
        raise
    finally:
        memory = stack.end()
    for container, (used, limit) in sorted(memory.items()):
        say(f"  {container}: {used:.0f} MiB at most, limit {limit:.0f} MiB")
    say("all as it should be; containers, volumes and the copy are removed")


if __name__ == "__main__":
    main()
