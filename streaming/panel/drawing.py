"""Where things are drawn: Brazil's outlines and bubbles, columns of months, intervals."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import cos, radians, sqrt
from typing import Any, NamedTuple

from streaming.domain import municipalities

SCALE = 24.0
"""Units of the drawing per degree of latitude."""
WEST, NORTH = -74.2, 5.6
NARROWING = cos(radians(14.2))
"""A degree of longitude against one of latitude, in the middle of Brazil."""
CLASSES = 5
LARGEST = 0.028
"""The radius of the largest bubble, and of the smallest, against the width of the drawing."""
SMALLEST = 0.0014


class Box(NamedTuple):
    """A part of the drawing: the corner in the north-west, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bubble:
    """One municipality on the map; `shade` is its class of colour, from 0 to CLASSES - 1."""

    place: str
    x: float
    y: float
    radius: float
    shade: int
    text: str


def point(longitude: float, latitude: float) -> tuple[float, float]:
    """Return where a place is drawn: an equirectangular projection, as near the equator it may be."""
    return (longitude - WEST) * NARROWING * SCALE, (NORTH - latitude) * SCALE


@cache
def outlines() -> dict[str, str]:
    """Return the outline of each state as the path of an SVG."""
    return {uf: "".join(map(_ring, rings)) for uf, rings in _states().items()}


@cache
def box(uf: str | None) -> Box:
    """Return the part of the drawing that a state takes, or the whole country, with a margin."""
    points = [point(m.longitude, m.latitude) for m in municipalities.every() if uf in (None, m.uf)]
    rings = (ring for state, own in _states().items() if uf in (None, state) for ring in own)
    points += [point(*pair) for ring in rings for pair in ring]
    xs, ys = zip(*points, strict=True)
    margin = 0.03 * max(max(xs) - min(xs), max(ys) - min(ys))
    return Box(
        min(xs) - margin,
        min(ys) - margin,
        max(xs) - min(xs) + 2 * margin,
        max(ys) - min(ys) + 2 * margin,
    )


def radius(value: float, largest: float, width: float) -> float:
    """Return the radius of a bubble whose area grows with the value."""
    share = sqrt(max(0.0, value) / largest) if largest > 0 else 0.0
    return width * (SMALLEST + (LARGEST - SMALLEST) * share)


def quantiles(values: Iterable[float]) -> list[float]:
    """Return the bounds between CLASSES classes with about as many of these values each."""
    ordered = sorted(values)
    if not ordered:
        return []
    return [ordered[len(ordered) * n // CLASSES] for n in range(1, CLASSES)]


def shade(value: float, bounds: Sequence[float]) -> int:
    """Return the class of a value: how many of the bounds it reaches."""
    return sum(value >= bound for bound in bounds)


def nice_ceiling(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5, 10, 20 … that is no less than a value: the end of an axis."""
    power = 1.0
    while power < value:
        power *= 10
    steps = (power / 10 * step for step in (1, 2, 2.5, 5, 10))
    return next((step for step in steps if step >= value), power)


Ring = Sequence[tuple[float, float]]


@cache
def _states() -> dict[str, list[Ring]]:
    """Return the outlines of each state, in degrees, simplified."""
    source = files("streaming.panel").joinpath("data", "estados.geojson").read_text("utf-8")
    return {f["properties"]["uf"]: _rings(f["geometry"]) for f in json.loads(source)["features"]}


def _rings(geometry: dict[str, Any]) -> list[Ring]:
    shapes = geometry["coordinates"]
    polygons = [shapes] if geometry["type"] == "Polygon" else shapes
    return [ring for polygon in polygons for ring in polygon]


def _ring(ring: Ring) -> str:
    points = (point(*pair) for pair in ring)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
