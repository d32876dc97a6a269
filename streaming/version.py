"""The version of the program."""

import importlib.metadata
import tomllib
from pathlib import Path

NAME = "city-features"


def version() -> str:
    """Return that of the checkout that this runs from, else that of the installed package."""
    checkout = Path(__file__).parents[1] / "pyproject.toml"
    if checkout.is_file():  # the metadata of an editable install may be older
        return str(tomllib.loads(checkout.read_text("utf-8"))["project"]["version"])
    return importlib.metadata.version(NAME)
