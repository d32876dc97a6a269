"""How many examples a property is tried with: in `make test` a third, in `make check` a fifth."""

from hypothesis import settings

ALL = settings().max_examples

settings.register_profile("test", max_examples=ALL // 3)
settings.register_profile("check", max_examples=ALL // 5)


def examples(count: int) -> settings:
    """Return the settings of a property: so many examples, in the proportion of the profile in use."""
    return settings(deadline=None, max_examples=count * settings().max_examples // 100)
