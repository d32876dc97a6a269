"""
Ingest one file after another, each with a Spark of its own, all in this process: `sessions.py COUNT`.

Prints one JSON document: of each session what it counted, and what was left of it.
"""

import json
import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from streaming import logs
from streaming.domain.results import Outcome
from streaming.jobs.lifetime import LazySpark
from streaming.jobs.run import run
from streaming.settings import load
from streaming.store.store import connect
from tests.harness import row, until
from tests.oracle import text


def threads() -> set[str]:
    """Return the threads of this process, less those that wait for work in pools."""
    return {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio")}


def remains(directory: str) -> dict[str, object]:
    """Return what Spark could leave behind in this process."""
    until(lambda: not psutil.Process().children(recursive=True), 20, what="the end of the workers")
    until(lambda: threads() == {"MainThread"}, 20, what=f"the end of the threads {threads()}")
    return {
        "temporary": [str(path) for path in Path(directory).iterdir()],
        "import path": [path for path in sys.path if path.startswith(directory)],
        "SPARK_LOCAL_DIRS": os.environ.get("SPARK_LOCAL_DIRS"),
        "logs of others": logging.getLogger("others").isEnabledFor(logging.WARNING),
        "handlers of the root logger": len(logging.getLogger().handlers),
        "Ctrl-C": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "descriptors": psutil.Process().num_fds(),
    }


def main() -> None:
    """Ingest a file in each session; in one more, kill the JVM."""
    directory, count = os.environ["TMPDIR"], int(sys.argv[1])
    settings = load(_env_file=None)
    logs.configure(settings)
    store = connect(settings)
    sessions = []
    for number in range(count):
        outcomes: list[Outcome] = []
        name = f"{number}.csv"
        (settings.landing_zone / name).write_text(text([row(number)]))
        run(settings, store, outcomes.extend, follow=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sessions.append({"new": [(o.file, o.new) for o in outcomes], **remains(directory)})
    with LazySpark(settings) as start:
        spark = start()
        total = spark.range(10).groupBy().sum().collect()[0][0]
        is_own = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        [java] = [p for p in psutil.Process().children() if p.name() == "java"]
        java.kill()
        java.wait()
        with suppress(OSError):  # Py4J logs it as well
            spark.range(10).collect()
    json.dump(
        {"ingested": sessions, "sum": total, "own Ctrl-C": is_own, "killed": remains(directory)},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
