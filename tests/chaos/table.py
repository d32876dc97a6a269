"""What a run of the faults came to, as a table in docs/reliability.md."""

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import redis

BEGIN, END = "<!-- chaos: begin -->", "<!-- chaos: end -->"
HEAD = ["| what | times | outcome | run it | when |", "|---|---:|---|---|---|"]


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    times: int
    outcome: str
    case: str
    when: str

    def __str__(self) -> str:
        return (
            f"| {self.what} | {self.times} | {self.outcome} | "
            f'`make chaos ARGS="--only {self.case}"` | {self.when} |'
        )


def write(document: Path, lines: list[Line], order: list[str], seed: int, server: str) -> None:
    """
    Put these lines between the markers of a document, in place of those of the same cases.

    Lines of cases that were not run stay; `order` is that of the cases.
    """
    text = document.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    run = {line.case for line in lines}
    kept = [line for line in old.splitlines() if (case := _case(line)) in order and case not in run]
    table = sorted([*kept, *map(str, lines)], key=lambda line: order.index(_case(line)))
    caption = (
        f"Last run on {date.today().isoformat()}, seed {seed}: Python {platform.python_version()}, "
        f"Spark {version('pyspark')}, {server}, {platform.system()} {platform.machine()}."
    )
    inside = "\n".join([BEGIN, caption, "", *HEAD, *table, END])
    document.write_text(f"{before}{inside}{after}", "utf-8")


def lines(case: str, rows: dict[str, tuple[int, str]], when: str) -> Iterable[Line]:
    """Return the lines of one case."""
    for what, (times, outcome) in rows.items():
        yield Line(what, times, outcome, case, when)


def server_of(url: str) -> str:
    """Return name and version of a server."""
    info = redis.Redis.from_url(url, decode_responses=True).info("server")
    assert isinstance(info, dict)
    name = info.get("server_name", "redis")
    return f"{str(name).capitalize()} {info.get(f'{name}_version', info['redis_version'])}"


def _case(line: str) -> str:
    return line.partition("--only ")[2].partition('"')[0]
