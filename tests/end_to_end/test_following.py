"""An always-on run counts what comes, and ends when it is told to."""

import threading
import time

from pyspark.sql import SparkSession

from streaming.domain.results import Outcome
from tests import oracle
from tests.harness import Service, lease_of_its_own, row, until


def test_following_picks_up_files_and_ends_with_everything_counted(
    spark: SparkSession, service: Service
) -> None:
    from streaming.pipeline.stream import Stream

    stop = threading.Event()
    outcomes: list[Outcome] = []
    lease = lease_of_its_own(service.store(), stop)
    query = Stream(spark, lease, service.settings, stop, outcomes.extend)
    failed: list[BaseException] = []

    def follow() -> None:
        try:
            query.follow(service.settings.checkpoints / "follow")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=follow)
    first = service.put("before.csv", [row(1), row(2)])
    thread.start()
    until(lambda: service.features() == oracle.features([first]), what="the file there before")
    contents = [first]
    for n in range(3):
        contents.append(service.put(f"{n}.csv", [row(n + 1), row(n + 2), row(n + 3, "0.01")]))
        until(lambda: service.features() == oracle.features(contents), 10, what=f"file {n}")
    begun = time.monotonic()
    with (service.settings.landing_zone / "slow.csv").open("w") as writer:
        contents.append(oracle.text([row(50), row(51)]))
        for line in contents[-1].splitlines(keepends=True):
            writer.write(line)
            writer.flush()
            time.sleep(0.1)
    until(lambda: service.features() == oracle.features(contents), 10, what="the slow file")
    assert time.monotonic() - begun < 8, "found by the reconcile pass only"
    stop.set()
    thread.join(30)
    lease.close()

    assert not thread.is_alive()
    assert failed == []
    assert sorted(o.file for o in outcomes) == ["0.csv", "1.csv", "2.csv", "before.csv", "slow.csv"]
    service.holds(*contents)


def test_following_ends_when_told_to_while_both_stream_and_reconcile_have_files(
    spark: SparkSession, service: Service
) -> None:
    """Told to stop again and again at such a moment: neither may wait for the other for ever."""
    from streaming.pipeline.stream import Stream

    settings = service.settings.model_copy(update={"reconcile_seconds": 0.01})
    contents = []
    for trial in range(4):
        stop = threading.Event()
        lease = lease_of_its_own(service.store(), stop)
        query = Stream(spark, lease, settings, stop, lambda outcomes: None)
        checkpoint = settings.checkpoints / f"follow{trial}"
        thread = threading.Thread(target=query.follow, args=(checkpoint,), daemon=True)
        thread.start()
        time.sleep(1.5)
        contents += [service.put(f"{trial}{n}.csv", [row(trial * 10 + n)]) for n in range(2)]
        time.sleep(0.2 + trial * 0.1)
        stop.set()
        thread.join(20)
        assert not thread.is_alive(), f"stopped at trial {trial}, it does not end"
        lease.close()
    service.run()
    service.holds(*contents)
