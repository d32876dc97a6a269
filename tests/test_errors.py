"""What the messages of errors advise."""

import errno

from streaming.errors import mending


def test_a_full_disk_or_quota_wants_room_and_nothing_else_does() -> None:
    advice = {number: mending(OSError(number, ""), "create it") for number in (28, 122, 13, 2)}
    assert (errno.ENOSPC, errno.EDQUOT) == (28, 122)
    assert advice == {28: "make room there", 122: "make room there", 13: "create it", 2: "create it"}
