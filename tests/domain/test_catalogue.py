"""Feature groups as values: keys and fields, what they sum by, and what a commit adds to which."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import catalogue
from streaming.domain.catalogue import (
    BANDED,
    CITY,
    COUNTRY,
    GROUPS,
    MONTHLY,
    MUNICIPALITY,
    RANKINGS,
    STATE,
)
from streaming.domain.cells import BANDS, BOUNDS, Cell, Sums
from streaming.domain.groups import FeatureGroup
from tests.examples import examples

SUMS = Sums(Decimal("10.01"), 3)
CELL = Cell("Bom Jesus", "RS", "2026-10", "capital_ate_1000")


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("São Paulo", CITY),
        ("São Paulo/SP", MUNICIPALITY),
        ("Pau d'Arco do Piauí/PI", MUNICIPALITY),
        ("estado:SP", STATE),
        ("pais:BR", COUNTRY),
        ("mensal:São Paulo/SP", MONTHLY[MUNICIPALITY]),
        ("mensal:estado:SP", MONTHLY[STATE]),
        ("mensal:pais:BR", MONTHLY[COUNTRY]),
        ("faixas:São Paulo/SP", BANDED),
        ("São Paulo/sp", None),
        ("São Paulo/SP/x", None),
        ("pais:AR", None),
        ("mensal:São Paulo", None),
        ("ranking:quantidade_empresas", None),
        ("ingest:files", None),
        ("", None),
    ],
)
def test_a_key_belongs_to_the_group_whose_template_made_it(key: str, group: FeatureGroup | None) -> None:
    assert catalogue.group_of(key) == group
    if group:
        values = group.parse(key)
        assert values is not None and group.key_of(values) == key


def test_no_key_fits_two_groups() -> None:
    for group in GROUPS:
        key = group.key_of(CELL._asdict())
        assert [g.name for g in GROUPS if g.parse(key) is not None] == [group.name]


def test_groups_sum_by_the_names_in_their_templates() -> None:
    assert {g.key: (g.dimensions, g.columns) for g in GROUPS} == {
        "{cidade}": (("cidade",), ("cidade",)),
        "{cidade}/{estado}": (("cidade", "estado"), ("cidade", "estado")),
        "estado:{estado}": (("estado",), ("estado",)),
        "pais:BR": ((), ()),
        "mensal:{cidade}/{estado}": (("cidade", "estado"), ("cidade", "estado", "mes")),
        "mensal:estado:{estado}": (("estado",), ("estado", "mes")),
        "mensal:pais:BR": ((), ("mes",)),
        "faixas:{cidade}/{estado}": (("cidade", "estado"), ("cidade", "estado", "faixa")),
    }


def test_coarser_groups_are_those_that_a_groups_keys_add_up_to() -> None:
    assert {g.key for g in catalogue.coarser(STATE)} == {"pais:BR", "mensal:pais:BR"}
    assert catalogue.coarser(COUNTRY) == set()


def test_without_a_total_a_group_has_a_number_of_companies_alone() -> None:
    with pytest.raises(ValueError, match="the bands have no total"):
        FeatureGroup("bands", "faixas:{cidade}", "", total=None)


def test_a_commit_adds_to_each_field_of_each_key_once() -> None:
    increments = {
        CELL._replace(estado="PI"): Sums(Decimal("0.99"), 1),
        CELL: SUMS,
        CELL._replace(mes="2026-11"): Sums(Decimal("1.00"), 1),
    }
    written = [(w.key, w.fields.companies, *w.sums, w.code) for w in catalogue.writes(increments)]
    assert written == [
        ("Bom Jesus", "quantidade_empresas", Decimal("12.00"), 5, None),
        ("Bom Jesus/PI", "quantidade_empresas", Decimal("0.99"), 1, "2201903"),
        ("Bom Jesus/RS", "quantidade_empresas", Decimal("11.01"), 4, "4302303"),
        ("estado:PI", "quantidade_empresas", Decimal("0.99"), 1, None),
        ("estado:RS", "quantidade_empresas", Decimal("11.01"), 4, None),
        ("pais:BR", "quantidade_empresas", Decimal("12.00"), 5, None),
        ("mensal:Bom Jesus/PI", "2026-10:quantidade_empresas", Decimal("0.99"), 1, None),
        ("mensal:Bom Jesus/RS", "2026-10:quantidade_empresas", SUMS.capital, 3, None),
        ("mensal:Bom Jesus/RS", "2026-11:quantidade_empresas", Decimal("1.00"), 1, None),
        ("mensal:estado:PI", "2026-10:quantidade_empresas", Decimal("0.99"), 1, None),
        ("mensal:estado:RS", "2026-10:quantidade_empresas", SUMS.capital, 3, None),
        ("mensal:estado:RS", "2026-11:quantidade_empresas", Decimal("1.00"), 1, None),
        ("mensal:pais:BR", "2026-10:quantidade_empresas", Decimal("11.00"), 4, None),
        ("mensal:pais:BR", "2026-11:quantidade_empresas", Decimal("1.00"), 1, None),
        ("faixas:Bom Jesus/PI", "capital_ate_1000", Decimal("0.99"), 1, None),
        ("faixas:Bom Jesus/RS", "capital_ate_1000", Decimal("11.01"), 4, None),
    ]


CELLS = st.builds(
    Cell,
    st.sampled_from(["Bom Jesus", "Natal", "Vila Nova"]),
    st.sampled_from(["PI", "RN", "RS"]),
    st.sampled_from(["2025-12", "2026-01", "2026-02"]),
    st.sampled_from(BANDS),
)
CENTS = st.integers(0, 10**14).map(lambda cents: Decimal(cents) / 100)


@examples(50)
@given(st.dictionaries(CELLS, st.builds(Sums, CENTS, st.integers(1, 10**6)), max_size=40))
def test_every_group_adds_up_to_the_same(increments: dict[Cell, Sums]) -> None:
    whole = Sums()
    for sums in increments.values():
        whole = whole.plus(sums)
    by_group: dict[str, Sums] = {}
    for write in catalogue.writes(increments):
        by_group[write.group.key] = by_group.get(write.group.key, Sums()).plus(write.sums)
    assert by_group == ({group.key: whole for group in GROUPS} if increments else {})


def test_the_values_of_a_key_are_those_that_redis_has() -> None:
    columns = CELL._asdict()
    assert MUNICIPALITY.values(columns, Sums(Decimal("10.05"), 2), "now") == {
        "capital_social_total": "10.05",
        "quantidade_empresas": "2",
        "capital_social_medio": "5.03",
        "atualizado_em": "now",
        "codigo_ibge": "4302303",
    }
    assert "codigo_ibge" not in MUNICIPALITY.values({"cidade": "Xis", "estado": "RS"}, SUMS, "now")
    assert MONTHLY[STATE].values(columns, SUMS, "now") == {
        "2026-10:capital_social_total": "10.01",
        "2026-10:quantidade_empresas": "3",
    }
    assert BANDED.values(columns, SUMS, "now") == {"capital_ate_1000": "3"}


def test_a_ranking_scores_by_its_field() -> None:
    by = {ranking.key: ranking.score(SUMS) for ranking in RANKINGS}
    assert by == {"ranking:quantidade_empresas": 3.0, "ranking:capital_social_total": 10.01}


def test_every_band_has_its_bound_in_its_name() -> None:
    assert BANDS == (
        "capital_0",
        "capital_ate_1000",
        "capital_ate_5000",
        "capital_ate_10000",
        "capital_ate_50000",
        "capital_ate_100000",
        "capital_ate_500000",
        "capital_ate_1000000",
        "capital_ate_10000000",
        "capital_acima_de_10000000",
    )
    assert len(BOUNDS) == len(BANDS) - 1
