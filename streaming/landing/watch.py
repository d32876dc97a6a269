"""
Watches a landing zone on a local disk, so that a new file is known without listing the directory.

A watch (inotify) may miss changes: other hosts' on a network file system, names that are not UTF-8, a
queue that overflowed. So it only makes discovery sooner; whoever watches also lists once in a while.
"""

import threading
from pathlib import Path

import structlog
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

STEP = 5
"""Milliseconds between two looks for a change: 0.6 % of a core."""
GROUPED = 50
"""Milliseconds for which changes that follow one another are collected, at most."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("streaming.landing.watch")


class Watch:
    """
    The changes of one directory, if there is one; those below it are left out.

    Attributes:
        working: whether changes are watched; False where the system cannot, or its limit of watches
            (fs.inotify.max_user_watches, max_user_instances) is reached.
    """

    def __init__(self, directory: Path | None) -> None:
        self.working = False
        self._directory = None if directory is None else directory.absolute()
        self._identity: tuple[int, int] | None = None
        self._notify: RustNotify | None = None
        self._warned = False

    def renew(self, *, again: bool) -> bool:
        """
        Watch the directory if it is not the one that is watched; `again`: also if that failed before.

        Return whether changes until now may be unknown, so that the directory has to be listed.
        """
        identity = _identity(self._directory)
        if identity == self._identity and (self.working or not again):
            return False
        self.close()
        self._identity = identity
        if identity is not None:
            try:
                self._notify = self._watched()
                self.working = True
            except (OSError, UnicodeEncodeError, WatchfilesRustInternalError) as error:
                if not self._warned:
                    log.warning("changes are not watched: the landing zone is listed", why=str(error))
                self._warned = True
        return True

    def _watched(self) -> RustNotify:
        return RustNotify(
            [str(self._directory)],
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=False,
            ignore_permission_denied=False,
        )

    def changes(self, seconds: float, stop: threading.Event) -> set[str] | None:
        """
        Return the names that changed, after waiting for some for so long, or until `stop`.

        None: anything may have changed, and `renew` watches again.
        """
        if self._notify is None:
            stop.wait(seconds)
            return set()
        try:
            # 0 would be to wait for ever.
            changes = self._notify.watch(GROUPED, STEP, max(1, int(seconds * 1000)), stop)
        except WatchfilesRustInternalError as error:  # a name that is not UTF-8: it would fail for ever
            log.debug("the watch failed", why=str(error))
            self.close()
            return None
        if isinstance(changes, str):  # none
            return set()
        paths = {Path(path) for _, path in changes}
        if self._directory in paths:  # it was moved or removed
            self.close()
            return None
        return {path.name for path in paths}

    def close(self) -> None:
        """End the watch."""
        if self._notify is not None:
            self._notify.close()
        self._notify, self._identity, self.working = None, None, False


def _identity(directory: Path | None) -> tuple[int, int] | None:
    if directory is None:
        return None
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
