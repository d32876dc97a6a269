"""What Redis holds, held against itself: records of files, and the features that came with them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP

from streaming.domain import catalogue
from streaming.domain.catalogue import FeatureGroup, Sums
from streaming.domain.features import Features, groups
from streaming.domain.records import Record
from streaming.domain.results import Outcome


def outcome(path: str, record: Record) -> Outcome:
    """Return what a record says became of its file."""
    r = record
    return Outcome(path, r.read, r.new, r.duplicates, r.rejected, r.state, r.reason)


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
    mean = f.capital_social_total / f.quantidade_empresas
    return f.capital_social_medio == mean.quantize(catalogue.CENT, ROUND_HALF_UP)
