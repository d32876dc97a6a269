"""The job `verify`: internal consistency of what is in Redis, and what became of one run's files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import Any

from streaming.domain import catalogue
from streaming.domain.cells import Sums
from streaming.domain.features import Features, groups
from streaming.domain.groups import FeatureGroup
from streaming.domain.records import Record
from streaming.domain.results import COUNTS, UNREAD, Outcome, Verification
from streaming.pipeline.archive import original_name
from streaming.settings import Settings
from streaming.store.store import connect

LATEST = 20
NAMED = 100  # files that a document or a message names, at most


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
    return verify(records, features, store.position(), start, dropped, uncounted)


def verify(
    records: Mapping[str, Record],
    features: Sequence[Features],
    position: tuple[int, str],
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
        version=position[0],
        commit=position[1],
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


def news(result: Verification, announced: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return what consumers of the features have to know after a run; None if nothing was committed.

    Args:
        result: what the run left in Redis.
        announced: what they were told last: a document that this function returned, or an empty one.

    Returns:
        The number and the id of the last commit, and the accounting of the run: rows `read`, `new`,
        `duplicates` and `rejected`, and how many `files` it committed. Commits between the runs (of
        `--follow`, of a run that failed) are news as well; their rows are not in the accounting.
    """
    if result.commit in ("", announced.get("commit")):
        return None
    position = {"version": result.version, "commit": result.commit}
    return {**position, **result.totals, "files": len(result.files)}


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
    return rejected + [f"{o.file}: {o.reason}" for o in uncounted if o.state in UNREAD]


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
    Return what does not fit in the features, read after the records of all files.

    Of what changed since the instant, a mean is its sum over its number of companies, and what a coarser
    group has is the sum of a finer one: a city that of its municipalities. All companies that any file
    brought are in each group (more may be: another commit after the records were read).
    """
    new = sum(record.new + record.earlier for record in records.values())
    keys = {f.key: f for f in features}
    changed = {k: f for k, f in keys.items() if datetime.fromisoformat(f.atualizado_em) >= instant}
    wrong = [f"{k}: capital_social_medio is not the mean" for k, f in changed.items() if not _is_mean(f)]
    by_group = {group: [f for f in keys.values() if _is_of(f, group)] for group in groups()}
    for group, fine in by_group.items():
        for coarse in by_group.keys() & catalogue.coarser(group):
            wrong += _unequal(changed, coarse, group, fine)
    totals = {g.name: sum(f.quantidade_empresas for f in own) for g, own in by_group.items()}
    return wrong + [
        f"the files brought {new} companies, but the {name} have {companies}"
        for name, companies in totals.items()
        if companies < new
    ]


def _unequal(
    changed: Mapping[str, Features], coarse: FeatureGroup, fine: FeatureGroup, parts: Iterable[Features]
) -> list[str]:
    """Return which changed keys of a coarser group are not the sum of their parts in a finer one."""
    sums: dict[str, Sums] = defaultdict(Sums)
    for part in parts:
        key = coarse.key_of(fine.parse(part.key) or {})
        sums[key] = sums[key].plus(Sums(part.capital_social_total, part.quantidade_empresas))
    wrong = []
    for key, feature in changed.items():
        if _is_of(feature, coarse):
            if feature.capital_social_total != sums[key].capital:
                wrong.append(f"{key}: capital_social_total is not that of its {fine.name}")
            if feature.quantidade_empresas != sums[key].companies:
                wrong.append(f"{key}: quantidade_empresas is not that of its {fine.name}")
    return wrong


def _is_of(feature: Features, group: FeatureGroup) -> bool:
    return catalogue.group_of(feature.key) == group


def _is_mean(f: Features) -> bool:
    if f.quantidade_empresas < 1:
        return False
    return f.capital_social_medio == Sums(f.capital_social_total, f.quantidade_empresas).mean()
