"""Work under a lease: done again where the lease was lost, and not for ever."""

import pytest

from streaming.errors import Conflict, LeaseLost
from streaming.pipeline import tenure
from streaming.pipeline.tenure import Tenure
from streaming.store import keys
from streaming.store.lease import Lease
from streaming.store.store import Store
from tests.store.commits import commit


def test_work_whose_lease_was_lost_is_done_again_under_a_new_one(store: Store) -> None:
    losses = [store.client.flushall]

    def work() -> int:
        while losses:
            losses.pop()()
        return lease.store.merge(commit(("Natal", "RN", "1.00", 1)))

    with Lease(store, keys.RUN, "/zone") as lease:
        assert Tenure(lease).during(work) == 1
    assert store.version() == 1


def test_work_that_loses_its_lease_every_time_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenure, "ATTEMPTS", 3)
    done: list[bool] = []

    def work() -> None:
        done.append(store.client.flushall())
        lease.keep()

    with Lease(store, keys.RUN, "/zone") as lease, pytest.raises(LeaseLost):
        Tenure(lease).during(work)
    assert done == [True, True, True]


def test_work_that_fails_otherwise_is_not_repeated(store: Store) -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise Conflict

    with Lease(store, keys.RUN, "/zone") as lease, pytest.raises(Conflict):
        Tenure(lease).during(work)
    assert calls == [1]
