"""The audit where counted content is gone: what the records explain is no difference."""

import pytest

from streaming.domain.results import Difference
from streaming.jobs import audit
from tests import oracle
from tests.harness import Service, row

pytestmark = pytest.mark.both_zones

BELEM = ("Belém", "PA")


def audited(service: Service) -> list[Difference]:
    return audit.compare(service.settings, service.store(), lambda: service.spark).differences


@pytest.fixture
def grown(service: Service) -> Service:
    """A file that was overwritten with more rows, after another one."""
    service.put("a.csv", [row(1), row(2, "5.00", *BELEM)])
    service.run()
    service.put("b.csv", [row(3, "1.00", "Recife", "PE"), row(9, "-1")])
    service.run()
    service.put("a.csv", [row(1), row(2, "5.00", *BELEM), row(4, "7.00", "Recife", "PE")])
    service.run()
    return service


def test_a_file_that_was_overwritten_with_more_is_no_difference(grown: Service) -> None:
    assert audited(grown) == []


def test_an_instant_that_no_record_explains_is_told(grown: Service) -> None:
    first, second, third = (
        grown.redis.hget(key, "atualizado_em").decode() for key in ("Natal", "Natal/RN", "Recife")
    )
    assert first == second < third
    for key, value in [
        ("Natal", "2026-01-01T00:00:00.000000+00:00"),
        ("Belém/PA", grown.records()["b.csv"]["at"]),  # of another commit, which did not touch it
        ("Recife", first),  # `a.csv` brought one company there at its second reading
    ]:
        before = grown.redis.hget(key, "atualizado_em").decode()
        grown.redis.hset(key, "atualizado_em", value)
        differences = audited(grown)
        assert [(d.key, d.field, d.redis) for d in differences] == [(key, "atualizado_em", value)]
        grown.redis.hset(key, "atualizado_em", before)


def test_a_deleted_file_whose_companies_were_sent_again_is_no_difference(service: Service) -> None:
    service.put("a.csv", [row(1), row(2, "5.00", *BELEM)])
    service.run()
    service.put("again.csv", [row(2, "5.00", *BELEM), row(1), row(3)])
    service.run()
    service.landed.remove("a.csv")
    assert audited(service) == []


def test_a_file_overwritten_with_one_that_is_rejected_is_noted(service: Service) -> None:
    service.put("a.csv", [row(1)])
    service.run()
    service.put("a.csv", "nothing of use\n")
    service.run()
    report = audit.compare(service.settings, service.store(), lambda: service.spark)
    assert report.notes == ["a.csv: overwritten after 1 companies of it were counted"]
    assert {d.key for d in report.differences} == oracle.keys("Natal", "RN")


def test_a_sum_that_differs_is_told_all_the_same(grown: Service) -> None:
    grown.redis.hset("Natal", "capital_social_total", "100.01")
    assert [(d.key, d.field) for d in audited(grown)] == [("Natal", "capital_social_total")]
