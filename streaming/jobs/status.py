"""The job `status`: the landing zone against the records in Redis."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from streaming.domain import suggestions
from streaming.domain.catalogue import COMPANIES
from streaming.domain.records import Record
from streaming.domain.results import COUNTS, Backlog, Format, Freshness, Status
from streaming.domain.suggestions import UnknownPlaces
from streaming.landing import places
from streaming.pipeline.backlog import waiting
from streaming.settings import Settings
from streaming.store import formats, lease
from streaming.store.store import Store

FIRST = 10


def status(settings: Settings, store: Store) -> Status:
    """Return what was ingested, what waits and how fresh the features are."""
    return of(settings, store, store.version(), store.records(), _scores(settings, store))


def of(
    settings: Settings,
    store: Store,
    version: int,
    records: Mapping[str, Record],
    scores: Mapping[str, float],
) -> Status:
    """Return the status at a version with these records and these companies by place."""
    behind = waiting(settings, store)
    last = max((r.at for r in records.values()), default=None)
    now = datetime.now(UTC)
    oldest = min((f.mtime for f in behind), default=None)
    return Status(
        ingested=sum(r.state == "ingested" for r in records.values()),
        rejected=sum(r.state == "rejected" for r in records.values()),
        waiting=[f.path for f in behind if f.path not in records],
        changed=[f.path for f in behind if f.path in records],
        not_looked_at=places.zone(settings).others(),
        backlog=Backlog(len(behind), sum(f.size for f in behind)),
        freshness=Freshness(
            last_commit=last,
            seconds_since=None if last is None else round(now.timestamp() - _timestamp(last), 3),
            oldest_waiting_seconds=None if oldest is None else round(now.timestamp() - oldest / 1e9, 3),
        ),
        rows={count: sum(getattr(r, count) for r in records.values()) for count in COUNTS},
        version=version,
        format=Format(store.format(), formats.FORMAT),
        unrecognised=suggestions.unknown(scores, FIRST),
        working=lease.held(store, settings.landing_zone_name),
        landing_zone=str(settings.landing_zone),
        redis=store.place,
    )


def unrecognised(settings: Settings, store: Store, most: int | None) -> UnknownPlaces:
    """
    Return the places in Redis that are no municipality, and this many of them one by one (None: all).

    With MUNICIPIOS=off there are none: then names are kept as they are spelled, on purpose.
    """
    return suggestions.unknown(_scores(settings, store), most)


def _scores(settings: Settings, store: Store) -> dict[str, float]:
    return {} if settings.municipios == "off" else store.scores(COMPANIES)


def stale(freshness: Freshness, limit: timedelta) -> str | None:
    """Return, in one line, what of this is older than the limit; None where nothing is."""
    if freshness.seconds_since is None:
        return "nothing was ever committed"
    commit = timedelta(seconds=round(freshness.seconds_since))
    oldest = timedelta(seconds=round(freshness.oldest_waiting_seconds or 0))
    old = [f"the last commit is {commit} old"] if commit > limit else []
    old += [f"the oldest waiting file is {oldest} old"] if oldest > limit else []
    return f"{' and '.join(old)}, more than {limit}" if old else None


def _timestamp(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()
