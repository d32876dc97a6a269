"""Feature groups as values: keys, their dimensions, and what a commit adds to which."""

from decimal import Decimal

import pytest

from streaming.domain import catalogue
from streaming.domain.catalogue import CITY, MUNICIPALITY, FeatureGroup, Place, Sums, Write

SUMS = Sums(Decimal("10.01"), 3)


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("São Paulo", CITY),
        ("São Paulo/SP", MUNICIPALITY),
        ("Pau d'Arco do Piauí/PI", MUNICIPALITY),
        ("São Paulo/sp", None),
        ("São Paulo/SP/x", None),
        ("estado:SP", None),
        ("ingest:files", None),
        ("", None),
    ],
)
def test_a_key_belongs_to_the_group_whose_template_made_it(key: str, group: FeatureGroup | None) -> None:
    assert catalogue.group_of(key) == group
    if group:
        values = group.parse(key)
        assert values is not None and group.key_of(values) == key


def test_dimensions_are_the_names_in_the_template() -> None:
    assert (CITY.dimensions, MUNICIPALITY.dimensions) == (("cidade",), ("cidade", "estado"))
    assert FeatureGroup("countries", "pais:BR", "").dimensions == ()
    assert catalogue.coarser(MUNICIPALITY) == {CITY}
    assert catalogue.coarser(CITY) == set()


def test_a_mean_needs_a_total() -> None:
    with pytest.raises(ValueError, match="the bands have a mean, but no total"):
        FeatureGroup("bands", "faixas:{cidade}", "", total=None)


def test_a_commit_adds_to_each_key_of_each_group_once() -> None:
    increments = {Place("Bom Jesus", "RS"): SUMS, Place("Bom Jesus", "PI"): Sums(Decimal("0.99"), 1)}
    assert list(catalogue.writes(increments)) == [
        Write(CITY, "Bom Jesus", Sums(Decimal("11.00"), 4)),
        Write(MUNICIPALITY, "Bom Jesus/PI", Sums(Decimal("0.99"), 1)),
        Write(MUNICIPALITY, "Bom Jesus/RS", SUMS),
    ]


def test_the_values_of_a_key_are_those_that_redis_has() -> None:
    assert CITY.values(Sums(Decimal("10.05"), 2), "now") == {
        "capital_social_total": "10.05",
        "quantidade_empresas": "2",
        "capital_social_medio": "5.03",
        "atualizado_em": "now",
    }
    counted = FeatureGroup("bands", "faixas:{cidade}", "", total=None, mean=None, at=None)
    assert counted.values(SUMS, "now") == {"quantidade_empresas": "3"}
