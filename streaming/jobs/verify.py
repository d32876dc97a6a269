"""The job `verify`: internal consistency of what is in Redis, and what became of one run's files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from operator import attrgetter
from typing import Any

from streaming.domain.features import Features
from streaming.domain.records import Record
from streaming.domain.results import Outcome, Verification
from streaming.pipeline.archive import original_name
from streaming.settings import Settings
from streaming.store.store import connect

BROKEN = ("failed", "unreadable")
COUNTS = ("read", "new", "duplicates", "rejected")
LATEST = 20
NAMED = 100  # files that a document or a message names, at most
CENT = Decimal("0.01")


def run(
    settings: Settings, start: datetime, dropped: str | None, uncounted: Sequence[Outcome]
) -> Verification:
    """
    Read back what a run left in Redis, and verify it.

    Args:
        settings: those of the service.
        start: an instant before the run.
        dropped: the name of the file that was dropped for it, in the landing zone.
        uncounted: the files that have no record after it.
    """
    store = connect(settings)
    records = store.records()
    # After the records: what another writer commits meanwhile is in the features at least.
    features = store.features()
    return verify(records, features, store.version(), start, dropped, uncounted)


def verify(
    records: Mapping[str, Record],
    features: Sequence[Features],
    version: int,
    start: datetime,
    dropped: str | None,
    uncounted: Sequence[Outcome],
) -> Verification:
    """Return what a run comes to, from all records and features as they are after it (see `run`)."""
    files = since(records, start)
    path = None if dropped is None else current_path(records, dropped)
    read_before = {p: r for p, r in records.items() if p == path and p not in files}
    return Verification(
        totals={count: sum(getattr(r, count) for r in files.values()) for count in COUNTS},
        version=version,
        files=files,
        latest=latest(features),
        wrong=unconserved(files) + differences(features, records, start),
        not_counted=not_counted({**files, **read_before}, uncounted),
        read_before=read_before,
        missing=path if path is not None and path not in records else None,
    )


def accounting(result: Verification) -> dict[str, Any]:
    """Return the accounting of a run as a document: sums, version, records of its first files."""
    files = [{"file": path, **asdict(record)} for path, record in result.files.items()]
    return {**result.totals, "version": result.version, "files": files[:NAMED]}


def refusal(result: Verification) -> str | None:
    """Return what a person has to do about files of the run, if anything: trying again is no help."""
    if files := result.not_counted:
        return (
            f"not counted: {'; '.join(files[:NAMED])} ({len(files)} in all; the other files were). "
            "Mend each and drop it again, or delete it"
        )
    return f"{result.missing} was dropped, but has no record in Redis" if result.missing else None


def current_path(records: Mapping[str, Record], dropped: str) -> str:
    """Return the path of the last record of a file of this name, which may be in the archive by now."""
    paths = [path for path, record in records.items() if original_name(path, record) == dropped]
    return max(paths, key=lambda path: records[path].version, default=dropped)


def not_counted(records: Mapping[str, Record], uncounted: Iterable[Outcome]) -> list[str]:
    """Return the files that a person has to mend, each with its reason; not those that wait."""
    rejected = [f"{path}: {r.reason}" for path, r in records.items() if r.state == "rejected"]
    return rejected + [f"{o.file}: {o.reason}" for o in uncounted if o.state in BROKEN]


def latest(features: Iterable[Features]) -> list[Features]:
    """Return the features of the last commits, and of each commit those with the most capital first."""
    key = attrgetter("atualizado_em", "capital_social_total")
    return sorted(features, key=key, reverse=True)[:LATEST]


def since(records: Mapping[str, Record], instant: datetime) -> dict[str, Record]:
    """Return the records of the files committed at this instant or later, by path."""
    return {p: r for p, r in sorted(records.items()) if datetime.fromisoformat(r.at) >= instant}


def unconserved(records: Mapping[str, Record]) -> list[str]:
    """Tell of which files rows were lost or invented."""
    return [
        f"{path}: read {r.read} is not new {r.new} + duplicates {r.duplicates} + rejected {r.rejected}"
        for path, r in records.items()
        if r.read != r.new + r.duplicates + r.rejected
    ]


def differences(
    features: Iterable[Features], records: Mapping[str, Record], instant: datetime
) -> list[str]:
    """
    Tell what does not fit in the features, read after the records of all files.

    Of what changed since the instant, a mean is its sum over its number of companies, and a city the
    sum of its municipalities. All companies that any file brought are in the cities, and in the
    municipalities (more may be: another commit after the records were read).
    """
    new = sum(record.new + record.earlier for record in records.values())
    totals = {"cities": 0, "municipalities": 0}
    municipalities = defaultdict(list)
    changed = []
    for feature in features:
        totals["cities" if feature.estado is None else "municipalities"] += feature.quantidade_empresas
        if feature.estado is not None:
            municipalities[feature.cidade].append(feature)
        if datetime.fromisoformat(feature.atualizado_em) >= instant:
            changed.append(feature)
    wrong = []
    for f in changed:
        if f.capital_social_medio != _mean(f):
            wrong.append(f"{f.key}: capital_social_medio is not the mean")
        if f.estado is None:
            parts = municipalities[f.cidade]
            if f.capital_social_total != sum(part.capital_social_total for part in parts):
                wrong.append(f"{f.key}: capital_social_total is not that of its municipalities")
            if f.quantidade_empresas != sum(part.quantidade_empresas for part in parts):
                wrong.append(f"{f.key}: quantidade_empresas is not that of its municipalities")
    wrong += [
        f"the files brought {new} companies, but the {kind} have {companies}"
        for kind, companies in totals.items()
        if companies < new
    ]
    return wrong


def _mean(f: Features) -> Decimal | None:
    if f.quantidade_empresas < 1:
        return None
    return (f.capital_social_total / f.quantidade_empresas).quantize(CENT, ROUND_HALF_UP)
