"""A feature group is one value: what is registered is ingested, shown, audited, verified and rebuilt."""

import json
import threading
from datetime import datetime

import pytest
from typer.testing import CliRunner

from streaming.app.cli import app
from streaming.domain import catalogue
from streaming.domain.groups import FeatureGroup
from streaming.domain.results import Difference
from streaming.jobs import audit, verify
from streaming.jobs.rebuild import Rebuild
from tests.harness import Service, row

STATES = FeatureGroup("states again", "uf:{estado}", "of a state")
STATE_BANDS = FeatureGroup(
    "bands of a state", "{estado}:faixas", "by band", total=None, count="{faixa}", mean=None, at=None
)
ZERO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@pytest.fixture
def states(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with two more groups, which ingested two files."""
    monkeypatch.setattr(catalogue, "GROUPS", (*catalogue.GROUPS, STATES, STATE_BANDS))
    service.put(
        "a.csv", [row(1, "1.00"), row(2, "2.05", "Mossoró", "RN"), row(3, "9.00", "Belém", "PB")]
    )
    service.run()
    service.put("b.csv", [row(4, "0.01"), row(1, "1.00")])
    service.run()
    return service


def differences(service: Service) -> list[Difference]:
    return audit.compare(service.settings, service.store(), lambda: service.spark).differences


def hashes(service: Service) -> dict[str, dict[str, str]]:
    return {
        key: {field.decode(): value.decode() for field, value in service.redis.hgetall(key).items()}
        for key in ("uf:RN", "uf:PB", "RN:faixas", "PB:faixas")
    }


def test_a_registered_group_is_ingested(states: Service) -> None:
    stored = hashes(states)
    assert {key: values.pop("atualizado_em", None) is None for key, values in stored.items()} == {
        "uf:RN": False,
        "uf:PB": False,
        "RN:faixas": True,
        "PB:faixas": True,
    }
    assert stored == {
        "uf:RN": {
            "capital_social_total": "3.06",
            "quantidade_empresas": "3",
            "capital_social_medio": "1.02",
        },
        "uf:PB": {
            "capital_social_total": "9.00",
            "quantidade_empresas": "1",
            "capital_social_medio": "9.00",
        },
        "RN:faixas": {"capital_ate_1000": "3"},
        "PB:faixas": {"capital_ate_1000": "1"},
    }


def test_a_registered_group_is_shown(states: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert states.settings.redis_url is not None
    monkeypatch.setenv("REDIS_URL", states.settings.redis_url.get_secret_value())
    shown = json.loads(CliRunner().invoke(app, ["show", "--json"]).stdout)["features"]
    (state,) = [f for f in shown if f["key"] == "uf:RN"]
    assert (state["cidade"], state["estado"], state["capital_social_total"]) == (None, "RN", "3.06")


def test_a_registered_group_is_audited(states: Service) -> None:
    assert differences(states) == []
    states.redis.hset("uf:RN", "capital_social_total", "3.07")
    states.redis.delete("uf:PB")
    states.redis.hset("RN:faixas", "capital_ate_1000", "5")
    assert differences(states) == [
        Difference("RN:faixas", "capital_ate_1000", "5", "3"),
        Difference("uf:PB", None, "no such key", "9.00"),
        Difference("uf:RN", "capital_social_total", "3.07", "3.06"),
    ]


def test_a_registered_group_is_verified(states: Service) -> None:
    store = states.store()
    assert verify.differences(store.features(), store.records(), ZERO) == []
    states.redis.hset("uf:RN", mapping={"capital_social_total": "3.09", "capital_social_medio": "1.03"})
    assert sorted(verify.differences(store.features(), store.records(), ZERO)) == [
        "pais:BR: capital_social_total is not that of its states again",
        "uf:RN: capital_social_total is not that of its municipalities",
    ]


def test_a_registered_group_is_rebuilt(states: Service) -> None:
    before = hashes(states)
    states.redis.delete("uf:PB", "PB:faixas")
    states.redis.hset("uf:SP", "capital_social_total", "1.00")  # nothing in the files says so
    rebuild = Rebuild(
        states.settings, states.store(), lambda: states.spark, threading.Event(), lambda _: None
    )
    assert rebuild.run().cities == 3
    after = hashes(states)
    for values in (*before.values(), *after.values()):
        values.pop("atualizado_em", None)
    assert after == before
    assert not states.redis.exists("uf:SP")
    assert differences(states) == []
