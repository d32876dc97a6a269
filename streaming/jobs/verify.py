"""What Redis holds, held against itself: records of files, and the features that came with them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from streaming.domain.features import Features
from streaming.domain.records import Record
from streaming.domain.results import Outcome

CENT = Decimal("0.01")


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
        f"the files brought {new} companies, but the {kind} have {found}"
        for kind, found in totals.items()
        if found < new
    ]
    return wrong


def _mean(f: Features) -> Decimal | None:
    if f.quantidade_empresas < 1:
        return None
    return (f.capital_social_total / f.quantidade_empresas).quantize(CENT, ROUND_HALF_UP)
