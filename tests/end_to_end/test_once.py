"""A company counts once, whatever is replayed, re-sent, renamed, killed, deleted or restored."""

import time
from decimal import Decimal

import pytest

from streaming.domain.results import Outcome
from tests import oracle
from tests.harness import Service, dumped, row

pytestmark = pytest.mark.both_zones

DAY = 24 * 3600


def test_a_run_counts_every_company_and_accounts_for_every_row(service: Service) -> None:
    first = service.put("a.csv", [row(1, "0.10"), row(2, "0.20"), row(3, "7.01", "Belém", "PA")])
    second = service.put("b.csv.gz", [row(4, "0.03", "Belém", "PB")])

    outcomes = service.run()

    assert sorted(outcomes, key=lambda o: o.file) == [
        Outcome("a.csv", 3, 3, 0, 0, "ingested", None),
        Outcome("b.csv.gz", 1, 1, 0, 0, "ingested", None),
    ]
    assert service.features() == {
        "Natal": ("0.30", "2", "0.15"),
        "Natal/RN": ("0.30", "2", "0.15"),
        "Belém": ("7.04", "2", "3.52"),
        "Belém/PA": ("7.01", "1", "7.01"),
        "Belém/PB": ("0.03", "1", "0.03"),
    }
    service.holds(first, second)


def test_a_second_run_finds_nothing_to_do(service: Service) -> None:
    service.put("a.csv", [row(1), row(2)])
    service.run()
    before = dumped(service.redis)

    assert service.run() == []
    assert dumped(service.redis) == before


@pytest.mark.parametrize("together", [True, False], ids=["one run", "two runs"])
def test_a_file_sent_twice_under_another_name_adds_nothing(service: Service, together: bool) -> None:
    content = service.put("a.csv", [row(1), row(2, "5.55")])
    if not together:
        service.run()
    service.put("again.csv.gz", content)

    outcomes = service.run()

    assert outcomes[-1] == Outcome("again.csv.gz", 2, 0, 2, 0, "ingested", None)
    service.holds(content)


def test_a_name_overwritten_with_more_rows_adds_only_the_new_ones(service: Service) -> None:
    service.put("a.csv", [row(1), row(2)])
    service.run()
    content = service.put("a.csv", [row(1), row(2), row(3, "9.99"), row(4, "0.01", "Belém", "PA")])

    assert service.run() == [Outcome("a.csv", 4, 2, 2, 0, "ingested", None)]
    service.holds(content)


def test_a_name_overwritten_with_the_same_size_is_read_again(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    second = service.put("a.csv", [row(2)])
    assert len(first) == len(second)

    assert service.run() == [Outcome("a.csv", 1, 1, 0, 0, "ingested", None)]
    service.holds(first, second)


def test_the_first_file_of_one_batch_wins_by_time_whatever_its_name(service: Service) -> None:
    earlier = service.put("z.csv", [row(1, "1.00"), row(2, "2.00")])
    later = service.put("a.csv", [row(1, "100.00", "Belém", "PA"), row(3, "3.00")])

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("z.csv", 2, 0), ("a.csv", 1, 1)]
    service.holds(earlier, later)


def test_of_files_of_the_same_time_the_first_path_wins(service: Service) -> None:
    same = time.time() - 60
    second = service.put("b.csv", [row(1, "100.00", "Belém", "PA"), row(2)], mtime=same)
    first = service.put("a.csv", [row(1, "1.00"), row(3)], mtime=same)

    outcomes = service.run()

    assert [(o.file, o.new, o.duplicates) for o in outcomes] == [("a.csv", 2, 0), ("b.csv", 1, 1)]
    service.holds(first, second)


def test_the_first_run_wins_whatever_the_files_times(service: Service) -> None:
    first = service.put("new.csv", [row(1, "1.00"), row(2, "2.00")])
    service.run()
    second = service.put(
        "old.csv", [row(1, "100.00", "Belém", "PA"), row(3)], mtime=time.time() - 2 * DAY
    )

    assert service.run() == [Outcome("old.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


def test_repeats_inside_a_file_count_once_by_the_earliest_line(service: Service) -> None:
    content = service.put(
        "a.csv", [row(1, "1.00"), row(2, "2.00", "Belém", "PA"), row(1, "50.00", "Recife", "PE"), row(1)]
    )

    assert service.run() == [Outcome("a.csv", 4, 2, 2, 0, "ingested", None)]
    service.holds(content)


def test_a_company_is_the_same_bare_punctuated_or_with_other_check_digits(service: Service) -> None:
    content = service.put(
        "a.csv",
        [
            ("12345678000195", "2025-01-01", "Natal", "RN", "1.00"),
            ("12.345.678/0001-95", "2025-01-01", "Natal", "RN", "2.00"),
            ("12345678000196", "2025-01-01", "Natal", "RN", "4.00"),
            ("12.ABC.345/01DE-35", "2026-08-01", "Natal", "RN", "8.00"),
            ("12ABC34501DE35", "2026-08-01", "Natal", "RN", "16.00"),
            ("12345678000295", "2025-01-01", "Natal", "RN", "32.00"),
        ],
    )

    assert service.run() == [Outcome("a.csv", 6, 3, 3, 0, "ingested", None)]
    assert service.features()["Natal"] == ("41.00", "3", "13.67")
    service.holds(content)


def test_a_row_that_was_rejected_does_not_keep_its_company_from_counting(service: Service) -> None:
    service.put("a.csv", [row(1, "-1.00"), row(2)])
    service.run()
    content = service.put("b.csv", [row(1, "3.00"), row(2, "77.00")])

    assert service.run() == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(oracle.text([row(2)]), content)


def test_batches_of_one_file_give_the_same_as_one_batch(service: Service) -> None:
    service.settings = service.settings.model_copy(update={"max_files_per_trigger": 1})
    contents = [service.put(f"{9 - n}.csv", [row(n), row(n + 1, f"{n}.50")]) for n in range(4)]

    outcomes = service.run()

    assert [o.file for o in outcomes] == ["9.csv", "8.csv", "7.csv", "6.csv"]
    service.holds(*contents)
    assert service.redis.get("ingest:version") == b"4"


def test_ten_thousand_companies_in_many_cities_are_exact(service: Service) -> None:
    cities = [("Natal", "RN"), ("Belém", "PA"), ("Belém", "PB"), ("São Paulo", "SP")]
    contents = [
        service.put(
            f"{n:02d}.csv",
            [row(i % 9000, str(Decimal(i * 7919 % 10**9) / 100), *cities[i % 4]) for i in span],
        )
        for n, span in enumerate(range(s, s + 1000) for s in range(0, 10000, 1000))
    ]

    outcomes = service.run()

    assert sum(o.new for o in outcomes) == 9000
    assert sum(o.duplicates for o in outcomes) == 1000
    service.holds(*contents)
