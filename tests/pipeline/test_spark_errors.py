"""What the service says of a stream that failed."""

from pathlib import Path

from streaming.pipeline.spark_errors import stream_failed


def test_a_stream_that_fails_says_which_checkpoint_may_be_deleted() -> None:
    assert str(stream_failed("offsets/0: Incomplete log file", Path("checkpoints"))) == (
        "offsets/0: Incomplete log file; what was committed stays, and the next run goes on from there. "
        "If it stays, delete checkpoints: nothing is lost with it"
    )


def test_a_stream_without_room_asks_for_room_only() -> None:
    assert str(stream_failed("java.io.IOException: No space left on device", Path("checkpoints"))) == (
        "java.io.IOException: No space left on device; "
        "make room, then run again: what was committed stays"
    )
