"""Pathway's directory reader, always on: floats, and what was added before it stopped is added again."""

import sys
from typing import Any

import pathway as pw
import redis

landing_zone, url = sys.argv[1:]
client = redis.Redis.from_url(url)


class Company(pw.Schema):
    """The columns."""

    cnpj: str
    data_abertura: str
    cidade: str
    estado: str
    capital_social: float


def write(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
    """Overwrite the features of a city."""
    if is_addition:
        client.hset(row["cidade"], mapping={name: row[name] for name in row if name != "cidade"})


rows = pw.io.csv.read(landing_zone, schema=Company, mode="streaming", autocommit_duration_ms=50)
features = rows.groupby(rows.cidade).reduce(
    rows.cidade,
    capital_social_total=pw.reducers.sum(rows.capital_social),
    quantidade_empresas=pw.reducers.count(),
    capital_social_medio=pw.reducers.avg(rows.capital_social),
)
pw.io.subscribe(features, on_change=write)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
