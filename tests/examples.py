"""How many examples a property is tried with: all of them, or a fifth of them in `make check`."""

from hypothesis import settings

CHECK = "check"

settings.register_profile(CHECK, max_examples=settings().max_examples // 5)


def examples(count: int) -> settings:
    """Return the settings of a property: so many examples, in the proportion of the profile in use."""
    return settings(deadline=None, max_examples=count * settings().max_examples // 100)
