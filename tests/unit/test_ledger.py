"""The algebra of counted companies, against plain sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streaming import ledger

HIGHEST = ledger.ALPHANUMERIC | ((36**8 - 1) >> 16) << 37 | (36**4 - 1) << 16 | ((36**8 - 1) & 0xFFFF)
COMPANY = st.one_of(
    st.integers(0, 40),
    st.integers(0, 9999).map(lambda branch: (1525 << 37) | (branch << 16) | 0xE0FF),
    st.sampled_from([ledger.ALPHANUMERIC, HIGHEST]),
)
FILES = st.lists(st.lists(COMPANY, max_size=20), max_size=6)


def companies(ids: list[int]) -> ledger.Companies:
    return ledger.from_ids(np.array(ids, dtype=np.uint64))


@given(st.lists(COMPANY))
def test_ids_survive_blocks_and_bytes(ids: list[int]) -> None:
    packed = ledger.pack(companies(ids))
    assert sorted(ledger.to_ids(ledger.unpack(packed)).tolist()) == sorted(set(ids))


@given(FILES, st.lists(COMPANY))
def test_each_company_is_new_once_in_the_earliest_file(
    files: list[list[int]], before: list[int]
) -> None:
    seen = set(before)
    expected = []
    for ids in files:
        expected.append((len(set(ids) - seen), set(ids) & seen))
        seen |= set(ids)
    sets, stored = [companies(ids) for ids in files], companies(before)
    verdicts, grown = ledger.decide(sets, stored)
    assert [(v.new, set(ledger.to_ids(v.repeats).tolist())) for v in verdicts] == expected
    assert set(ledger.to_ids(stored | grown).tolist()) == seen
    assert [set(ledger.to_ids(s).tolist()) for s in sets] == [set(ids) for ids in files]
    assert set(ledger.to_ids(stored).tolist()) == set(before)
    for name, block in grown.items():
        assert block != stored.get(name), "a block that did not grow need not travel"
