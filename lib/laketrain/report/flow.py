"""The road of the data as a drawing: a card a table, and between them bands as wide as the rows that went along.

    flow(run).wide, flow(run).tall          # for a screen and for a phone
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.lake import Version
from laketrain.report import words
from laketrain.report.run import Run, parents_of

HIDDEN = ("runs",)
"""Zones that hold figures, not data."""
HEADING = 22.0
_THINNEST, _THICKEST = 2.0, 16.0


@dataclass(frozen=True)
class Shape:
    """How a drawing is laid out: cards, the gaps along the road and across it, letters that fit a card."""

    tall: bool
    width: float
    height: float
    along: float
    across: float
    letters: int


WIDE = Shape(tall=False, width=150, height=72, along=34, across=18, letters=19)
TALL = Shape(tall=True, width=116, height=72, along=30, across=10, letters=14)


@dataclass(frozen=True)
class Card:
    """A version in the drawing: its corner, its words (`figure` is the large one), and rows quarantined on the way."""

    ref: str
    zone: str
    name: str
    figure: str
    note: str
    quarantined: str
    x: float
    y: float


@dataclass(frozen=True)
class Band:
    """Rows from card to card, as an SVG path. A dashed one is no rows, but the model that was used."""

    path: str
    width: float
    dashed: bool


@dataclass(frozen=True)
class Drawing:
    """Cards of one size over bands; `zones` are headings with their places. It begins HEADING above 0."""

    width: float
    height: float
    shape: Shape
    cards: list[Card]
    bands: list[Band]
    zones: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Step:
    """A stage's numbers, or those of a step within it, for the table beneath the drawing."""

    stage: str
    ref: str
    rows_in: Any
    out: Any
    quarantined: Any


@dataclass(frozen=True)
class Flow:
    """The drawing in both shapes, and its numbers."""

    wide: Drawing
    tall: Drawing
    steps: list[Step]
    alt: str


def flow(run: Run) -> Flow | None:
    """The versions of the run, with those that they were made from."""
    versions = {version.ref: version for version in run.history
                if version.zone in run.zones and version.zone not in HIDDEN}
    if not versions:
        return None
    places = _places(versions)
    accuracy = _accuracy(run)
    steps = [step for one in versions.values() if "in" in one.entry.counts for step in _steps(one)]
    alt = "Flow of the data: " + "; ".join(
        f"{one.ref} {_figure(one, versions, accuracy)[0]}" for one in versions.values())
    return Flow(_draw(versions, places, WIDE, accuracy), _draw(versions, places, TALL, accuracy), steps, alt)


def _steps(version: Version) -> Iterator[Step]:
    """The stage, then the steps within it where it took more than one; a step's rejects are those of both its sides."""
    counts = version.entry.counts
    yield Step(version.entry.stage, version.ref, counts.get("in"), counts.get("out"), counts.get("quarantined"))
    within = counts.get("steps") or []
    for told in within if len(within) > 1 else []:
        quarantined = told.get("quarantined", 0) + (told.get("other") or {}).get("quarantined", 0)
        yield Step(f"– {told['step']}", version.ref, told.get("in"), told.get("out"), quarantined)


def _accuracy(run: Run) -> Any:
    evaluation = run.last("evaluate")
    return (evaluation.entry.meta.get("metrics") or {}).get("accuracy") if evaluation else None


def _places(versions: Mapping[str, Version]) -> dict[str, tuple[int, float]]:
    """ref -> (step along the road, lane): each lies as near to the middle of its parents as its neighbours allow."""
    zones = _zones(versions)
    stops = {version.ref: (zones.index(version.zone), _depth(version, versions)) for version in versions.values()}
    places: dict[str, tuple[int, float]] = {}
    for step, stop in enumerate(sorted(set(stops.values()))):
        here = [version for version in versions.values() if stops[version.ref] == stop]
        wanted = {version.ref: _wanted(version, places, order) for order, version in enumerate(here)}
        lane = -1.0
        for ref in sorted(wanted, key=lambda ref: wanted[ref]):
            lane = max(wanted[ref], lane + 1)
            places[ref] = step, lane
    return places


def _zones(versions: Mapping[str, Version]) -> list[str]:
    """Their zones, in the order of the stages."""
    return list(dict.fromkeys(version.zone for version in versions.values()))


def _depth(version: Version, versions: Mapping[str, Version]) -> int:
    """How many versions of its own zone it was made from, one after the other."""
    older = [versions[ref] for ref in parents_of(version) if ref in versions]
    return 1 + max((_depth(one, versions) for one in older if one.zone == version.zone), default=-1)


def _wanted(version: Version, places: Mapping[str, tuple[int, float]], order: int) -> float:
    parents = [ref for ref in parents_of(version) if ref in places]
    rows = [ref for ref in parents if not ref.startswith("models/")] or parents
    return sum(places[ref][1] for ref in rows) / len(rows) if rows else float(order)


def _draw(versions: Mapping[str, Version], places: Mapping[str, tuple[int, float]], shape: Shape,
          accuracy: Any) -> Drawing:
    corners = {ref: _corner(place, shape) for ref, place in places.items()}
    cards = [_card(version, versions, corners[ref], shape, accuracy) for ref, version in versions.items()]
    pairs = [(parent, child) for child in versions for parent in parents_of(versions[child]) if parent in versions]
    rows = {pair: _rows_along(versions[pair[0]], versions[pair[1]]) for pair in pairs}
    most = max(rows.values(), default=0) or 1
    bands = [_band(corners[parent], corners[child], shape, rows[parent, child] / most, parent.startswith("models/"))
             for parent, child in pairs]
    width = max(x for x, _ in corners.values()) + shape.width
    height = max(y for _, y in corners.values()) + shape.height
    return Drawing(width, height + HEADING, shape, cards, bands, list(_headings(versions, corners, shape)))


def _headings(versions: Mapping[str, Version], corners: Mapping[str, tuple[float, float]],
              shape: Shape) -> Iterator[tuple[str, float, float]]:
    """Each zone's name above its column or, where the road goes down, above its first card."""
    for zone in _zones(versions):
        here = [corners[ref] for ref, version in versions.items() if version.zone == zone]
        if here:
            x, y = min(here)
            yield zone, x, (y if shape.tall else 0.0) - 8


def _corner(place: tuple[int, float], shape: Shape) -> tuple[float, float]:
    step, lane = place
    if shape.tall:
        return lane * (shape.width + shape.across), step * (shape.height + shape.along)
    return step * (shape.width + shape.along), lane * (shape.height + shape.across)


def _band(start: tuple[float, float], end: tuple[float, float], shape: Shape, part: float, dashed: bool) -> Band:
    if shape.tall:
        x1, y1, x2, y2 = start[0] + shape.width / 2, start[1] + shape.height, end[0] + shape.width / 2, end[1]
        middle = (y1 + y2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
    else:
        x1, y1, x2, y2 = start[0] + shape.width, start[1] + shape.height / 2, end[0], end[1] + shape.height / 2
        middle = (x1 + x2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return Band(path, 1.6 if dashed else _THINNEST + (_THICKEST - _THINNEST) * part, dashed)


def _rows_along(parent: Version, child: Version) -> float:
    counts = child.entry.counts
    if parent.zone == "models":
        return 0
    if child.zone == "integrated":
        found = (counts.get("tables") or {}).get(parent.name, parent.rows)
    else:
        found = counts.get("rows") if child.zone == "models" else counts.get("in")
    return found if words.is_number(found) else 0


def _card(version: Version, versions: Mapping[str, Version], corner: tuple[float, float], shape: Shape,
          accuracy: Any) -> Card:
    figure, note = _figure(version, versions, accuracy)
    refused = version.entry.counts.get("quarantined")
    return Card(version.ref, version.zone, words.shortened(f"{version.name}@{version.number}", shape.letters), figure,
                note, f"{words.count(refused)} quarantined" if refused else "", *corner)


def _figure(version: Version, versions: Mapping[str, Version], accuracy: Any) -> tuple[str, str]:
    """The card's large figure and the smaller one."""
    counts = version.entry.counts
    if version.zone == "raw":
        files = words.many(counts.get("files", len(version.entry.files)), "file")
        return files, words.size(counts.get("bytes", sum(file.bytes for file in version.entry.files)))
    if version.zone == "models":
        epochs = words.many(counts.get("epochs"), "epoch")
        if accuracy is not None and _newest(versions.values(), "models") is version:
            return f"{words.share(accuracy)} right", epochs
        return epochs, words.many(counts.get("parameters"), "parameter")
    if version.zone == "features" and counts.get("splits"):
        return words.rows(counts.get("out")), f"in {words.many(len(counts['splits']), 'split')}"
    return words.rows(counts.get("out", version.rows)), ""


def _newest(versions: Iterable[Version], zone: str) -> Version | None:
    return max((one for one in versions if one.zone == zone), key=lambda one: one.number, default=None)
