"""
The errors that the service raises on purpose, as one tree.

They are grouped by what to do: a `Retryable` error may pass, a `Permanent` one needs a person.

CityFeaturesError
├── Retryable                 trying again may help; nothing was written
│   ├── Conflict              another writer committed first: recompute against the new state
│   ├── LeaseLost             the right to work ran out, or another process has it: take it again
│   ├── FileChanged           a file changed between reading and commit: recompute without it
│   └── RedisUnavailable      no answer from Redis
└── Permanent                 a person has to do something first; the message says what
    ├── FileRejected          this file cannot be read; the others go on
    ├── KeyRefused            a Redis key holds a value that the service must not change
    ├── FormatRefused         Redis was filled by another version: rebuild
    ├── RedisRefused          Redis answered with a refusal (memory, permissions, read-only, cluster)
    ├── EnvironmentRefused    Java, a directory, a server binary or a setting is missing or wrong
    │   └── LandingZoneAway   the landing zone cannot be listed; an always-on service waits for it
    └── RunFailed             Spark gave up on a run
        ├── SparkEnded        Spark's JVM is gone
        └── Stopped           SIGTERM or SIGINT stopped the work before its end
"""

import errno
from signal import SIGTERM

_FULL = (errno.ENOSPC, errno.EDQUOT)


class CityFeaturesError(Exception):
    """Base of all errors the service raises on purpose; the message is for the user."""


class Retryable(CityFeaturesError):
    """Nothing was written; the same work may succeed at another try."""


class Conflict(Retryable):
    """Another writer committed between reading the version and the merge."""


class LeaseLost(Retryable):
    """A lease ran out, or another process has it: what was computed under it is not written."""


class FileChanged(Retryable):
    """Files changed or vanished after they were read, before their batch was committed."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(f"changed while being read: {', '.join(paths)}")
        self.paths = paths


class RedisUnavailable(Retryable):
    """Redis did not answer within the retries."""


class Permanent(CityFeaturesError):
    """Trying again without a change gives the same result."""


class FileRejected(Permanent):
    """A file as a whole cannot be read; the message is the reason that is recorded for it."""


class KeyRefused(Permanent):
    """A key with the name of a city's or the ledger's key holds a value of another kind."""


class FormatRefused(Permanent):
    """What is in Redis was written with other rules or keys than this version has."""


class RedisRefused(Permanent):
    """Redis answered with an error that another try does not cure."""


class EnvironmentRefused(Permanent):
    """The machine or the settings lack something that the service needs."""


class RunFailed(Permanent):
    """Spark could not finish the run; nothing of the batch in hand was committed."""


class LandingZoneAway(EnvironmentRefused):
    """The landing zone, or the archive in it, cannot be listed."""


class SparkEnded(RunFailed):
    """Spark's JVM ended by itself, or was killed; only another process can go on."""

    def __init__(self) -> None:
        super().__init__(
            "Spark's JVM has ended (killed, or out of memory); what was committed stays. Run again"
        )


class Stopped(RunFailed):
    """The work was told to stop before its end, by `signal`; what was committed stays."""

    signal: int = SIGTERM


def mending(error: OSError, otherwise: str) -> str:
    """Return what to do about a path that cannot be written: make room if the disk is full."""
    return "make room there" if error.errno in _FULL else otherwise
