"""Spark's checkpoint only saves second looks: whatever becomes of it, a company counts once."""

import re
import shutil
from pathlib import Path

import pytest

from streaming.domain.results import Outcome
from streaming.errors import RunFailed
from streaming.pipeline import query
from streaming.settings import Settings
from tests import oracle
from tests.harness import Service, dumped, row
from tests.object_store import ObjectStore


def test_a_deleted_checkpoint_changes_nothing(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    service.run()
    before = dumped(service.redis)
    shutil.rmtree(service.settings.checkpoints / "run")

    assert service.run() == []
    assert dumped(service.redis) == before
    more = service.put("b.csv", [row(2), row(3)])
    service.run()
    service.holds(content, more)


def test_a_checkpoint_restored_from_an_earlier_copy_adds_nothing_twice(
    service: Service, tmp_path: Path
) -> None:
    checkpoint = service.settings.checkpoints / "run"
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    shutil.copytree(checkpoint, tmp_path / "earlier")
    second = service.put("b.csv", [row(2), row(3)])
    service.run()
    shutil.rmtree(checkpoint)
    shutil.copytree(tmp_path / "earlier", checkpoint)
    third = service.put("c.csv", [row(3), row(4)])

    assert service.run() == [Outcome("c.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second, third)


def test_a_batch_that_spark_did_not_note_as_done_is_not_added_again(service: Service) -> None:
    content = service.put("a.csv", [row(1), row(2)])
    service.run()
    _uncommit(service.settings)

    assert service.run() == []
    service.holds(content)


@pytest.mark.parametrize("few", [query.FEW, 0], ids=["names listed", "names from Spark"])
def test_a_batch_whose_file_is_gone_does_not_stop_the_next_run(
    service: Service, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(query, "FEW", few)
    first = service.put("a.csv", [row(1), row(2)])
    service.run()
    _uncommit(service.settings)
    service.landed.remove("a.csv")
    second = service.put("b.csv", [row(2), row(3)])

    assert service.run() == [Outcome("b.csv", 2, 1, 1, 0, "ingested", None)]
    service.holds(first, second)


@pytest.mark.parametrize("few", [query.FEW, 0], ids=["names listed", "names from Spark"])
def test_a_name_that_a_directory_below_has_too_is_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(query, "FEW", few)
    content = service.put("a.csv", [row(1), row(2)])
    below = service.settings.landing_zone / "below"
    below.mkdir()
    (below / "a.csv").write_text(oracle.text([row(3)]))

    assert [(o.file, o.read, o.new) for o in service.run()] == [("a.csv", 2, 2)]
    service.holds(content)


def test_a_checkpoint_that_can_not_be_read_is_said_and_deleting_it_is_enough(service: Service) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    checkpoint = service.settings.checkpoints / "run"
    for log in (checkpoint / "offsets").glob("[0-9]*"):
        log.write_bytes(b"broken")
    for checksum in checkpoint.rglob(".*.crc"):
        checksum.unlink()
    second = service.put("b.csv", [row(2)])

    deletable = re.escape(f"delete {service.settings.checkpoints}: nothing is lost with it")
    with pytest.raises(RunFailed, match=f"offsets/0.*{deletable}"):
        service.run()
    service.holds(first, second)  # counted without the stream

    shutil.rmtree(checkpoint)
    assert service.run() == []
    third = service.put("c.csv", [row(3)])
    assert [(o.file, o.new) for o in service.run()] == [("c.csv", 1)]
    service.holds(first, second, third)


@pytest.mark.parametrize("content", [b"", b"\0" * 45], ids=["empty", "zeros"])
@pytest.mark.parametrize("log", ["metadata", "offsets/0", "commits/0", "sources/0/0"])
def test_a_checkpoint_that_a_power_loss_damaged_is_replaced(
    service: Service, log: str, content: bytes
) -> None:
    first = service.put("a.csv", [row(1)])
    service.run()
    (service.settings.checkpoints / "run" / log).write_bytes(content)
    second = service.put("b.csv", [row(2)])

    assert [(o.file, o.new) for o in service.run()] == [("b.csv", 1)]
    service.holds(first, second)


def test_a_checkpoint_of_a_bucket_is_replaced_by_one_of_a_directory_and_back(
    service: Service, object_store: ObjectStore
) -> None:
    bucket = {
        "landing_zone": f"s3://{object_store.bucket()}",
        "landing_zone_endpoint": object_store.endpoint,
    }
    url = service.settings.redis_url.get_secret_value()  # type: ignore[union-attr]
    elsewhere = Service(service.spark, service.settings.model_copy(update=bucket), url)

    for number, zone in enumerate([elsewhere, service, elsewhere, service]):
        zone.put(f"{number}.csv", [row(number)])
        assert [(o.file, o.new) for o in zone.run()] == [(f"{number}.csv", 1)]


def _uncommit(settings: Settings) -> None:
    """Make Spark's checkpoint as it is when a run was killed after the merge, before Spark noted it."""
    commits = settings.checkpoints / "run" / "commits"
    last = max((p for p in commits.glob("[0-9]*")), key=lambda p: int(p.name))
    last.unlink()
    (commits / f".{last.name}.crc").unlink(missing_ok=True)
