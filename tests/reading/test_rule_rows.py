"""The rules of companies.sql over whole rows: which reason is given, and what a summary adds up."""

import random
from decimal import Decimal

from tests.reading.rules import (
    GOOD,
    KEY,
    NEGATIVE,
    NOW,
    UNREADABLE,
    connection,
    fill,
    reason,
    reasons,
    summary,
)


def test_of_several_reasons_the_first_columns_is_given() -> None:
    wrong = {
        "cnpj": ("", "cnpj: missing"),
        "data_abertura": ("yesterday", UNREADABLE),
        "cidade": ("a/b", KEY),
        "estado": ("XX", "estado: not one of the 27"),
        "capital_social": ("-1", NEGATIVE),
    }
    names = list(wrong)
    rows = [GOOD | {name: wrong[name][0] for name in names[first:]} for first in range(len(names))]

    assert reasons(rows) == [wrong[name][1] for name in names]
    assert reason(strict=True, cnpj="11222333000180", estado="XX") == "cnpj: wrong check digits"


def test_values_that_only_look_usual_are_judged_by_the_rules() -> None:
    """The reader knows usual values without asking the rules: these are up to four marks away."""
    chance = random.Random(20261125)

    def almost(usual: str) -> str:
        marks = list(usual)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(marks) + 1)
            marks[place : place + chance.randint(0, 1)] = chance.choice(
                ["", *"0123456789+-.,:/TZeE \t_é٣"]
            )
        return "".join(marks)

    usual = {
        "cnpj": ["11222333000181", "12ABC34501DE35", "11.222.333/0001-81"],
        "data_abertura": ["2024-01-31T09:00:00Z", "1800-01-01T00:00:00Z", "2024-02-29"],
        "capital_social": ["1000.00", "0.10", "7", "999999999999.99"],
    }
    rows = [
        GOOD | {name: almost(chance.choice(values))}
        for name, values in usual.items()
        for _ in range(9000)
    ]
    for brazilian in (False, True):
        fill(rows)
        differ = connection.execute(
            """
            SELECT cnpj, data_abertura, capital_social, capital FROM rows_read($brazilian, $now, false)
            WHERE fits <> (cnpj_reason(blank(cnpj)) IS NULL
                           AND data_abertura_reason(blank(data_abertura), $now) IS NULL
                           AND capital_social_reason(blank(capital_social), $brazilian) IS NULL)
               OR capital IS DISTINCT FROM capital(blank(capital_social), $brazilian)
               OR number IS DISTINCT FROM cnpj_number(blank(cnpj))
               OR fits AND opened::TIMESTAMPTZ IS DISTINCT FROM instant(blank(data_abertura))
            """,
            {"brazilian": brazilian, "now": NOW},
        ).fetchall()

        assert differ == []
        assert 100 < sum(why is None for why in reasons(rows, brazilian=brazilian)) < len(rows) - 100


def test_a_row_is_either_summed_or_rejected_never_both_nor_neither() -> None:
    rows = [GOOD, GOOD | {"estado": "XX"}, GOOD | {"cidade": ""}, GOOD | {"capital_social": "x"}]
    why = reasons(rows)

    fitting = sum(len(p["companies"]) for p in summary(rows) if p["fits"])

    assert [w is None for w in why] == [True, False, False, False]
    assert fitting == 1


def test_a_summary_adds_up_each_spelling_of_a_place() -> None:
    rows = [
        GOOD | {"capital_social": "10.10"},
        GOOD | {"cnpj": "11222333000262", "capital_social": "0.20"},
        GOOD | {"cidade": "São  Paulo", "capital_social": "5"},
        GOOD | {"capital_social": "oops"},
        GOOD | {"estado": "RJ"},
    ]

    sums = sorted(
        (
            p["cidade"],
            p["estado"],
            p["fits"],
            p["rows"],
            p["capital_social_total"],
            len(p["companies"] or ()),
        )
        for p in summary(rows)
    )

    assert sums == [
        ("São Paulo", "RJ", True, 1, Decimal("1000.00"), 1),
        ("São Paulo", "SP", False, 1, None, 0),
        ("São Paulo", "SP", True, 1, Decimal("5.00"), 1),
        ("São Paulo", "SP", True, 2, Decimal("10.30"), 2),
    ]


def test_a_trillion_rows_worth_of_capital_does_not_overflow_a_sum() -> None:
    rows = [GOOD | {"capital_social": "999999999999.99"}] * 1000

    (place,) = summary(rows)

    assert place["capital_social_total"] == Decimal("999999999999990.00")
