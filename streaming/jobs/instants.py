"""
When a key may have changed last, where content that was counted is not there any more.

What a file brought when it was read is known by number (`new` of its record), not by company. If it now
shows more companies that no earlier file has, some of them were counted before, from content that is
gone: overwritten, or deleted. The records still tell at which commits that was.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from streaming.domain.records import At, Record


@dataclass(frozen=True)
class Share:
    """
    What a file shows of one key.

    `shown` is how many of its companies are in no earlier file, `here` how many of them belong to the
    key, `new` how many it brought when it was committed, `at`.
    """

    at: At
    here: int
    shown: int
    new: int


def lost(records: Iterable[Record], gone: Iterable[Record]) -> set[At]:
    """Return the commits of content that is gone: of overwritten content, and of gone files."""
    earlier = {at for record in records for at in record.earlier_commits}
    return earlier | {(record.version, record.at) for record in gone if record.new}


def explained(certain: At | None, shares: Iterable[Share], lost: Iterable[At]) -> set[str]:
    """
    Return the instants at which a key may have changed last.

    Guarantee: each of them fits the numbers in the records; the true one is among them if a file has
    each company of the key. `certain` is the last commit of files that show just what they brought.
    """
    may = {certain} if certain else set()
    least = certain[0] if certain else 0
    for share in shares:
        before = {at for at in lost if at[0] <= share.at[0]}
        most_then = min(share.here, share.new)
        least_then = max(0, share.new - (share.shown - share.here))
        if most_then:
            may.add(share.at)
        if least_then:
            least = max(least, share.at[0])
        if least_then < share.here:
            may |= before
        if most_then < share.here and before:
            least = max(least, min(before)[0])
    return {instant for version, instant in may if version >= least}
