"""The DAG as Airflow parses it: its shape, its retries, its parameter."""

from collections.abc import Callable
from typing import Any

import pytest

PLAIN = [
    None,
    "novas_empresas.csv",
    "novas-empresas.2026-11-24.csv",
    "A.csv",
    "0123456789.csv.gz",
    "A.CSV",
    "a.Csv.GZ",
    "x" * 100 + ".csv",
]
HOSTILE: list[object] = [
    "",
    "..csv",
    ".csv",
    ".escondido.csv",
    "_quarantine.csv",
    "../novas_empresas.csv",
    "/etc/passwd",
    "/etc/passwd.csv",
    "a/b.csv",
    "a\\b.csv",
    "novas_empresas.csv\n",
    "novas_empresas.csv\n.csv",
    "a\0.csv",
    "a b.csv",
    "a;b.csv",
    "a|b.csv",
    "$(id).csv",
    "`id`.csv",
    "${HOME}.csv",
    "a&b.csv",
    "a>b.csv",
    "*.csv",
    "-rf.csv",
    "a'b.csv",
    'a"b.csv',
    "{{ params }}.csv",
    "~root.csv",
    "http://x.csv",
    "a.csv; rm -rf .csv",
    "\u202evsc.csv",
    "a.CSVX",
    "novas_empresas.txt",
    "x" * 101 + ".csv",
    5,
    True,
    ["a.csv"],
    {"a": "a.csv"},
]


@pytest.fixture(scope="session")
def dag(parsed: Callable[[list[object]], Any]) -> Any:
    return parsed([*PLAIN, *HOSTILE])


def test_the_dag_is_imported_without_errors_in_under_two_seconds(dag: Any) -> None:
    assert (dag["errors"], dag["dags"]) == ({}, ["novas_empresas"])
    assert dag["seconds"] < 2


def test_parsing_it_loads_nothing_of_the_service_or_its_libraries(dag: Any) -> None:
    assert dag["heavy"] == []


def test_it_runs_hourly_and_on_arrival_one_run_at_a_time(dag: Any) -> None:
    assert dag["dag"]["doc"].strip().startswith("### Files of newly registered companies")
    assert {key: value for key, value in dag["dag"].items() if key != "doc"} == {
        "hourly": "0 * * * *",
        "assets": {
            "city-features://service/landing-zone": [
                [
                    "arrivals",
                    "dags.arrivals.ArrivalTrigger",
                    {"dag_id": "novas_empresas", "seconds": 5.0},
                ]
            ]
        },
        "catchup": False,
        "max_active_runs": 1,
        "paused": False,
        "tags": ["city-features", "neoway"],
        "default": None,
    }


def test_its_tasks_follow_one_another_and_are_tried_again_with_growing_pauses(dag: Any) -> None:
    common = {
        "retries": 2,
        "pause": [10, 300],
        "growing": True,
        "minutes": 5,
        "at_once": None,
        "assets": [[], []],
        "on_failure": ["log_failure"],
    }
    assert dag["tasks"] == {
        "iniciar_processamento": {**common, "after": []},
        "verificar_redis": {
            **common,
            "after": ["iniciar_processamento"],
            "retries": 5,
            "pause": [5, 60],
        },
        "depositar_arquivo": {**common, "after": ["verificar_redis"]},
        "processar_e_salvar_features": {
            **common,
            "after": ["depositar_arquivo"],
            "minutes": 60,
            "at_once": 1,
        },
        "conferir_features": {
            **common,
            "after": ["depositar_arquivo", "iniciar_processamento", "processar_e_salvar_features"],
            "assets": [["city-features"], ["city-features-news"]],
        },
    }


@pytest.mark.parametrize("number", range(len(PLAIN)), ids=lambda n: repr(PLAIN[n])[:30])
def test_a_plain_name_is_taken(dag: Any, number: int) -> None:
    assert dag["accepted"][number], PLAIN[number]


@pytest.mark.parametrize("number", range(len(HOSTILE)), ids=lambda n: ascii(HOSTILE[n])[:30])
def test_a_name_that_is_more_than_a_name_is_refused(dag: Any, number: int) -> None:
    assert not dag["accepted"][len(PLAIN) + number], HOSTILE[number]
