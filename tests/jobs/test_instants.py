"""The instants that records explain: never too few, and no more than their numbers allow."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from streaming.domain.records import EARLIER_COMMITS, At, Record, dump, load
from streaming.jobs import instants
from streaming.jobs.instants import Share

EMPTY = Record(1, 1, 0, 0, 0, 0, "ingested", 0, "")


def at(version: int) -> At:
    return version, f"day {version}"


def read(before: Record | None, version: int, new: int) -> Record:
    """Return the record of a reading of a path that had this record before."""
    earlier = before.commits() if before else ()
    return replace(EMPTY, new=new, version=version, at=at(version)[1], earlier_commits=earlier)


STEP = st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.sets(st.integers(0, 7), min_size=1)))


@given(st.lists(STEP, max_size=12))
def test_the_true_instant_is_always_explained(steps: list[tuple[str, set[int] | None]]) -> None:
    """Files are written, overwritten and deleted (None); even and odd companies are two places."""
    counted: dict[int, int] = {}
    contents: dict[str, set[int]] = {}
    records: dict[str, Record] = {}
    for version, (path, companies) in enumerate(steps, 1):
        if companies is None:
            contents.pop(path, None)
            continue
        new = companies - counted.keys()
        counted |= dict.fromkeys(new, version)
        contents[path] = companies
        records[path] = read(records.get(path), version, len(new))

    gone = [record for path, record in records.items() if path not in contents]
    lost = instants.lost(records.values(), gone)
    shown: dict[str, set[int]] = {}
    seen: set[int] = set()
    for path in sorted(contents, key=lambda p: records[p].version):
        shown[path] = contents[path] - seen
        seen |= contents[path]
    for place in (0, 1):
        everything = {c for c in counted if c % 2 == place}
        if not everything or not everything <= seen:
            continue  # its sums differ, and are told
        shares, certain = [], None
        for path, companies in shown.items():
            here, record = {c for c in companies if c % 2 == place}, records[path]
            if len(companies) > record.new and here:
                share = Share((record.version, record.at), len(here), len(companies), record.new)
                shares.append(share)
            elif here:
                certain = max(certain or (0, ""), (record.version, record.at))
        truth = at(max(counted[c] for c in everything))[1]
        assert truth in instants.explained(certain, shares, lost)


def test_a_file_that_shows_what_it_brought_explains_its_own_instant_alone() -> None:
    assert instants.explained(at(3), [], [at(1), at(2)]) == {"day 3"}


def test_a_file_that_brought_nothing_explains_only_what_was_lost_before_it() -> None:
    share = Share(at(3), here=2, shown=2, new=0)
    assert instants.explained(None, [share], [at(1), at(2), at(4)]) == {"day 1", "day 2"}


def test_what_a_file_must_have_brought_here_it_brought_at_its_own_instant() -> None:
    assert instants.explained(None, [Share(at(3), 2, 3, 2)], [at(1)]) == {"day 3"}
    assert instants.explained(None, [Share(at(3), 2, 4, 2)], [at(1)]) == {"day 1", "day 3"}


def test_nothing_before_what_is_certain_is_explained() -> None:
    share = Share(at(5), here=1, shown=1, new=0)
    assert instants.explained(at(2), [share], [at(1), at(3)]) == {"day 2", "day 3"}


def test_records_remember_the_commits_that_brought_something_and_no_others() -> None:
    record = read(read(read(None, 1, 2), 4, 0), 6, 1)
    assert record.earlier_commits == (at(1),)
    assert record.commits() == (at(1), at(6))
    assert load(dump(record).encode()) == record


def test_a_file_overwritten_for_ever_remembers_its_last_commits() -> None:
    record = read(None, 1, 1)
    for version in range(2, EARLIER_COMMITS + 10):
        record = read(record, version, 1)
    assert len(record.earlier_commits) == EARLIER_COMMITS


def test_records_of_before_are_read_and_those_of_usual_files_stay_as_small() -> None:
    stored = b'{"size":1,"mtime":2,"read":3,"new":3,"duplicates":0,"rejected":0,"state":"ingested"'
    stored += b',"version":4,"at":"x","reason":null,"order":0,"earlier":0}'
    assert load(stored).earlier_commits == ()
    assert dump(load(stored)).encode() == stored
