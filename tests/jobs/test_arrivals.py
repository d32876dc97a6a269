"""What a run would take: whole files without a record, while nobody else takes them."""

import os
from pathlib import Path

import pytest

from streaming.domain.file import File
from streaming.domain.records import Commit, Record
from streaming.errors import LandingZoneAway
from streaming.jobs.arrivals import Arrivals
from streaming.settings import Settings
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests import oracle
from tests.harness import row
from tests.store.commits import AT


def put(settings: Settings, name: str, text: str, mtime: int) -> File:
    path = settings.landing_zone / name
    path.write_text(text)
    os.utime(path, (mtime, mtime))
    return File(mtime * 10**9, name, path.stat().st_size)


def test_whole_files_without_a_record_have_arrived(settings: Settings, store: Store) -> None:
    counted = put(settings, "contada.csv", oracle.text([row(3)]), 1)
    record = Record(counted.size, counted.mtime, 1, 1, 0, 0, "ingested", 1, AT)
    store.merge(Commit(0, AT, {}, {}, {counted.path: record}))
    second = put(settings, "a.csv", oracle.text([row(1)]), 2)
    first = put(settings, "b.csv", oracle.text([row(2)]), 1)
    put(settings, "escrita.csv", "cnpj,data_ab", 3)
    put(settings, "leiame.txt", "x", 3)
    assert Arrivals(settings).look() == [first, second]


@pytest.mark.parametrize("driver", ["run", "follow"])
def test_what_another_run_takes_is_not_known(settings: Settings, store: Store, driver: str) -> None:
    file = put(settings, "a.csv", oracle.text([row(1)]), 1)
    arrivals = Arrivals(settings)
    with Lease(store, driver, str(settings.landing_zone)):
        assert arrivals.look() is None
    assert arrivals.look() == [file]


def test_looking_changes_neither_directory(settings: Settings) -> None:
    put(settings, "a.csv", oracle.text([row(1)]), 1)
    before = contents(settings)
    Arrivals(settings).look()
    assert contents(settings) == before


def contents(settings: Settings) -> dict[Path, tuple[int, int]]:
    parents = (settings.landing_zone, settings.checkpoints)
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for d in parents for p in [d, *d.rglob("*")]}


def test_a_landing_zone_that_is_gone_is_named(settings: Settings) -> None:
    settings.landing_zone.rmdir()
    with pytest.raises(LandingZoneAway, match=str(settings.landing_zone)):
        Arrivals(settings).look()
