"""The page about ingestion: files, what waits, what was rejected, how fresh it is, and health."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from streaming.domain.catalogue import COMPANIES, COUNTRY, MONTHLY
from streaming.domain.quality import Months, Quality
from streaming.domain.records import Record, load
from streaming.domain.results import Outcome
from streaming.errors import CityFeaturesError
from streaming.jobs import monthly, quality, status
from streaming.landing import places, quarantine
from streaming.panel import brazilian
from streaming.panel.drawing import nice_ceiling
from streaming.settings import Settings
from streaming.store import health, keys
from streaming.store.store import Store

ROWS = 100
SPANS = 30
STATES = ("todos", "ingested", "rejected")


@dataclass(frozen=True)
class Span:
    """What was committed in one hour or on one day, by the clocks of Brasília."""

    name: str
    commits: int
    files: int
    companies: int


class Report:
    """
    The report on the quality of the data, made beside the pages when someone asks for it.

    It reads every file again, so one is made at a time, and the last one is kept.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._making: threading.Thread | None = None
        self.done = 0
        """Files that were read so far."""
        self.quality: Quality | None = None
        self.error: str | None = None

    @property
    def is_being_made(self) -> bool:
        """Whether it is being made at the moment."""
        return self._making is not None

    def make(self, store: Store) -> None:
        """Begin to make it, unless that is being done."""
        with self._lock:
            if self._making is None:
                self.done = 0
                self._making = threading.Thread(target=self._make, args=(store,), daemon=True)
                self._making.start()

    def _make(self, store: Store) -> None:
        try:
            self.quality, self.error = quality.quality(self._settings, store, self._count), None
        except (CityFeaturesError, OSError) as error:
            self.error = str(error)
        finally:
            self._making = None

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        self.done += len(outcomes)


def page(
    settings: Settings, store: Store, report: Report, *, state: str, file: str | None
) -> dict[str, Any]:
    """
    Return what the page shows; `state` chooses files, `file` whose rejected rows are shown.

    Raises:
        CityFeaturesError: Redis does not answer, or the landing zone cannot be read.
    """
    months = MONTHLY[COUNTRY].key_of({})
    moment = store.moment([keys.FILES, months], COMPANIES)
    records = {path: load(stored) for path, stored in moment.hashes[keys.FILES].items()}
    scores = {} if settings.municipios == "off" else moment.scores
    openings = monthly.counts(MONTHLY[COUNTRY], moment.hashes[months])
    chosen = {p: r for p, r in records.items() if state not in STATES[1:] or r.state == state}
    latest = sorted(chosen.items(), key=lambda item: (item[1].at, item[1].order, item[0]), reverse=True)
    rows, unreadable = _rejected(settings, file)
    spans = _spans(records.values())
    return {
        "version": moment.version,
        "status": status.of(settings, store, moment.version, records, scores),
        "files": latest[:ROWS],
        "files_in_all": len(latest),
        "state": state if state in STATES else STATES[0],
        "rows": rows,
        "rows_of": file,
        "quarantine_unreadable": unreadable,
        "rejected_files": [(path, record) for path, record in latest if record.rejected][:ROWS],
        "spans": spans,
        "ceiling": nice_ceiling(max((span.companies for span in spans), default=1)),
        "months": Months.of(openings),
        "checks": list(health.checks(lambda: store)),
        "report": report,
    }


def _rejected(settings: Settings, file: str | None) -> tuple[list[Mapping[str, str]], str | None]:
    """Return the first rejected rows, and why they cannot be read if they cannot."""
    try:
        return list(islice(quarantine.rows(places.quarantine(settings), file), ROWS)), None
    except CityFeaturesError as error:
        return [], str(error)


def _spans(records: Iterable[Record]) -> list[Span]:
    """Return the last SPANS days with commits, or hours, if all commits are of the last two days."""
    dated = [(datetime.fromisoformat(r.at).astimezone(brazilian.BRASILIA), r) for r in records]
    instants = [at for at, _ in dated]
    by_hour = bool(instants) and max(instants) - min(instants) < timedelta(days=2)
    spans: dict[datetime, list[Record]] = {}
    for at, record in dated:
        hour = at.replace(minute=0, second=0, microsecond=0)
        spans.setdefault(hour if by_hour else hour.replace(hour=0), []).append(record)
    return [
        Span(
            f"{start:%d/%m %Hh}" if by_hour else f"{start:%d/%m}",
            len({r.version for r in own}),
            len(own),
            sum(r.new for r in own),
        )
        for start, own in sorted(spans.items())[-SPANS:]
    ]
