"""The ledger's algebra against plain Python sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.domain import ledger
from streaming.domain.ledger import Companies
from tests.examples import examples


def company(root: int, branch: int, alphanumeric: bool) -> int:
    return alphanumeric << 63 | root >> 16 << 37 | branch << 16 | root & 0xFFFF


HIGHEST_NUMERIC = company(99_999_999, 9_999, False)
HIGHEST_ALPHANUMERIC = company(36**8 - 1, 36**4 - 1, True)

ANY_ID = st.builds(
    company, st.integers(0, 99_999_999), st.integers(0, 9_999), st.just(False)
) | st.builds(company, st.integers(0, 36**8 - 1), st.integers(0, 36**4 - 1), st.just(True))
# Few, so that files repeat each other; over block borders and both forms.
NEAR_ID = st.builds(
    company, st.sampled_from([0, 1, 65_535, 65_536, 131_072]), st.integers(0, 3), st.booleans()
)
FILES = st.lists(st.sets(NEAR_ID), max_size=8)


def companies(ids: set[int]) -> Companies:
    return ledger.from_ids(np.array(list(ids), dtype=np.uint64))


def ids(held: Companies) -> set[int]:
    return set(ledger.to_ids(held).tolist())


def plain(held: Companies) -> dict[str, set[int]]:
    return {name: set(members) for name, members in held.items()}


@given(st.lists(ANY_ID))
def test_ids_come_back_as_the_set_they_are(given_ids: list[int]) -> None:
    held = ledger.from_ids(np.array(given_ids, dtype=np.uint64))
    back = ledger.to_ids(held)

    assert sorted(back.tolist()) == sorted(set(given_ids))
    assert back.dtype == np.uint64
    assert ledger.size(held) == len(set(given_ids))
    assert all(held.values()), "no empty blocks"


def test_from_ids_leaves_its_input_as_it_is() -> None:
    given_ids = np.array([5, 1, 5, 1 << 63], dtype=np.uint64)

    ledger.from_ids(given_ids)

    assert given_ids.tolist() == [5, 1, 5, 1 << 63]


@given(st.sets(ANY_ID | NEAR_ID))
def test_packed_companies_come_back(given_ids: set[int]) -> None:
    held = companies(given_ids)
    packed = ledger.pack(held)

    assert all(type(data) is bytes for data in packed.values())
    assert plain(ledger.unpack(packed)) == plain(held)
    assert ids(ledger.unpack(packed)) == ids(held) == given_ids


def test_a_block_that_is_not_stored_yet_is_empty() -> None:
    assert plain(ledger.unpack({"1": None, "A2": b""})) == {"1": set(), "A2": set()}


@pytest.mark.parametrize(
    ("company_id", "block", "member"),
    [
        (0, "0", 0),
        (company(65_535, 1, False), "0", 1 << 16 | 65_535),
        (company(65_536, 1, False), "1", 1 << 16),
        (HIGHEST_NUMERIC, "1525", 9_999 << 16 | 99_999_999 - 1525 * 65_536),
        (company(0, 0, True), "A0", 0),
        (company(65_536, 2, True), "A1", 2 << 16),
        (HIGHEST_ALPHANUMERIC, f"A{(36**8 - 1) // 65_536}", (36**4 - 1) << 16 | (36**8 - 1) % 65_536),
    ],
)
def test_a_company_lies_in_the_block_of_its_root(company_id: int, block: str, member: int) -> None:
    held = companies({company_id})

    assert plain(held) == {block: {member}}
    assert ids(ledger.unpack(ledger.pack(held))) == ids(held) == {company_id}


def test_the_highest_companies_of_both_forms_fit_the_bits_and_stay_apart() -> None:
    both = {HIGHEST_NUMERIC, HIGHEST_ALPHANUMERIC, HIGHEST_NUMERIC | 1 << 63}

    assert max(both) < 1 << 64
    assert ids(companies(both)) == both


def test_neighbouring_head_offices_cost_almost_nothing() -> None:
    heads = companies({company(root, 1, False) for root in range(65_536)})

    assert list(heads) == ["0"]
    assert len(ledger.pack(heads)["0"]) < 100


@examples(300)
@given(FILES, st.sets(NEAR_ID))
def test_each_company_is_new_once_in_the_earliest_file_that_has_it(
    files: list[set[int]], already: set[int]
) -> None:
    counted = set(already)
    expected = []
    for file in files:
        expected.append((len(file - counted), file & counted))
        counted |= file

    seen = companies(already)
    verdicts, grown = ledger.decide(map(companies, files), seen)

    assert [(v.new, ids(v.repeats)) for v in verdicts] == expected
    assert [bool(v.repeats) for v in verdicts] == [bool(repeats) for _, repeats in expected]
    before, after = plain(seen), plain(companies(counted))
    assert plain(grown) == {n: members for n, members in after.items() if members != before.get(n)}
    assert ids(seen | grown) == counted


@given(FILES, st.sets(NEAR_ID))
def test_deciding_changes_neither_the_files_nor_what_was_seen(
    files: list[set[int]], already: set[int]
) -> None:
    given_files, seen = [companies(file) for file in files], companies(already)
    before = [plain(file) for file in given_files], plain(seen)

    _, grown = ledger.decide(given_files, seen)
    ledger.pack(grown)
    for members in grown.values():
        members.add(1 << 36)  # nor are they shared with what is returned

    assert ([plain(file) for file in given_files], plain(seen)) == before


def test_deciding_again_on_what_grew_finds_nothing_new() -> None:
    files = [companies({1, 2, 1 << 40}), companies({2, 3})]
    _, grown = ledger.decide(files, {})

    verdicts, again = ledger.decide(files, grown)

    assert [v.new for v in verdicts] == [0, 0]
    assert again == {}


@given(FILES)
def test_the_blocks_of_files_are_named_once_in_order(files: list[set[int]]) -> None:
    held = [companies(file) for file in files]

    assert list(ledger.blocks(held)) == sorted({name for file in held for name in file})
