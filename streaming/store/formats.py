"""
The format of what is in Redis: which rules and keys it was written with (`ingest:format`).

It rises with every change after which what was written before would be wrong or incomplete: new
features, another rule of what counts, another shape of keys. Then `city-features rebuild` makes
everything again from the files, in one switch. Until then nothing is written.
"""

from streaming.errors import FormatRefused

FORMAT = 2
"""What this version of the service writes and reads."""

FIRST = 1
"""The format of a Redis that was filled before formats were kept."""


def refused(stored: str, place: str) -> FormatRefused:
    """Return the error for what was written with another format."""
    what = f"Redis at {place} was filled with format {stored}, and this version has {FORMAT}"
    if stored.isdigit() and int(stored) < FORMAT:
        return FormatRefused(
            f"{what}: nothing was written. Run city-features rebuild, which makes all features again "
            "from the files and switches to them at once"
        )
    return FormatRefused(
        f"{what}: nothing was written. Use the version of city-features that filled it, or a newer one"
    )
