"""Half a row, which may be valid, is never counted while its writer may go on."""

import threading

from structlog.testing import capture_logs

from streaming.domain.results import Outcome
from streaming.jobs.rebuild import Rebuild
from tests import oracle
from tests.harness import Service, row

WHOLE = oracle.text([row(1), row(2, "1000.00")])
HALF = WHOLE.removesuffix("00.00\n")


def half_written(service: Service) -> None:
    """Leave half a row, as a writer that pauses while somebody changes the mode of its file."""
    (service.settings.landing_zone / "slow.csv").write_text(HALF)
    (service.settings.landing_zone / "slow.csv").chmod(0o640)


def patient(service: Service) -> None:
    """Let the service wait for long, but this run for nothing."""
    service.settings = service.settings.model_copy(update={"settle_seconds": 60.0, "settle_timeout": 0})


def test_half_a_row_waits_while_the_others_count(service: Service) -> None:
    patient(service)
    half_written(service)
    other = service.put("other.csv", [row(9)])

    assert Outcome("slow.csv", 0, 0, 0, 0, "waiting", "being written") in service.run()
    service.holds(other)

    service.put("slow.csv", WHOLE)
    service.run()
    service.holds(other, WHOLE)


def test_a_rebuild_takes_no_half_row(service: Service) -> None:
    patient(service)
    first = service.put("first.csv", [row(1, "7.00")])
    service.run()
    half_written(service)

    made = Rebuild(
        service.settings, service.store(), lambda: service.spark, threading.Event(), lambda _: None
    )
    made.run()
    service.holds(first)

    service.put("slow.csv", WHOLE)
    service.run()
    service.holds(first, WHOLE)


def test_a_file_that_was_counted_is_not_asked_again(service: Service) -> None:
    """A rebuild goes through counted files as they are, in their order."""
    first = service.put("open.csv", WHOLE.removesuffix("\n"))
    second = service.put("second.csv", [row(1, "7.00")])
    service.run()
    patient(service)
    before = service.features()

    made = Rebuild(
        service.settings, service.store(), lambda: service.spark, threading.Event(), lambda _: None
    )
    assert made.run().files == 2
    assert service.features() == before
    assert sorted(before) == ["Natal", "Natal/RN"]
    assert first and second


def test_a_last_line_that_never_ends_is_counted_and_named(service: Service) -> None:
    half_written(service)
    with capture_logs() as logs:
        service.run()

    service.holds(HALF)
    warnings = [entry for entry in logs if "without an end" in entry["event"]]
    assert [entry["file"] for entry in warnings] == ["slow.csv"]
