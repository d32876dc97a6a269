"""Feast's write path: pandas adds up, `write_to_online_store` overwrites what is in Redis."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.repo_config import RepoConfig
from feast.types import Float64, Int64

landing_zone, url = sys.argv[1:]
files = sorted(Path(landing_zone).glob("*.csv"))
rows = pd.concat(pd.read_csv(f, usecols=["cidade", "capital_social"]) for f in files)
features = (
    rows.groupby("cidade")["capital_social"]
    .agg(capital_social_total="sum", quantidade_empresas="count", capital_social_medio="mean")
    .reset_index()
)
features["atualizado_em"] = datetime.now(UTC)

place = Path(landing_zone).parent / "checkpoints"
store = FeatureStore(
    config=RepoConfig(
        project="cities",
        provider="local",
        registry=str(place / "registry.db"),
        online_store={
            "type": "redis",
            "connection_string": url.removeprefix("redis://").rpartition("/")[0],
        },
        entity_key_serialization_version=3,
    )
)
city = Entity(name="cidade", join_keys=["cidade"], value_type=ValueType.STRING)
view = FeatureView(
    name="city_features",
    entities=[city],
    schema=[
        Field(name="capital_social_total", dtype=Float64),
        Field(name="quantidade_empresas", dtype=Int64),
        Field(name="capital_social_medio", dtype=Float64),
    ],
    source=FileSource(path=str(place / "none.parquet"), timestamp_field="atualizado_em"),
)
store.apply([city, view])
store.write_to_online_store("city_features", features)
