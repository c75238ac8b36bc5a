"""The flow of the data as a diagram: a card for each version, and bands between them whose width is the number of rows.

    flow(run).wide, flow(run).tall          # for wide and for narrow screens
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.lake import Version
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report import format as fmt
from laketrain.report.run import Run, parents_of

HIDDEN = ("runs",)
"""Zones that contain metrics and reports, not data."""
HEADING = 22.0
"""The height of the headings above the cards."""
_THINNEST, _THICKEST = 2.0, 16.0


@dataclass(frozen=True)
class Layout:
    """The layout of a diagram: the size of cards, the gaps along and across the direction of the flow, and how many
    letters fit a card."""

    tall: bool
    width: float
    height: float
    along: float
    across: float
    letters: int


WIDE = Layout(tall=False, width=150, height=72, along=34, across=18, letters=19)
TALL = Layout(tall=True, width=116, height=72, along=30, across=10, letters=14)


@dataclass(frozen=True)
class Card:
    """A version in the diagram: its texts (`figure` is the large one), quarantined rows, and its top left corner."""

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
    """A band from card to card, as an SVG path. A dashed one is the use of a model instead of rows."""

    path: str
    width: float
    dashed: bool


@dataclass(frozen=True)
class Diagram:
    """Cards over bands; `zones` are headings with x and y. The diagram starts HEADING above 0."""

    width: float
    height: float
    layout: Layout
    cards: list[Card]
    bands: list[Band]
    zones: list[tuple[str, float, float]]


@dataclass(frozen=True)
class Step:
    """The counts of a stage, or of a step within it, for the table below the diagram."""

    stage: str
    ref: str
    rows_in: Any
    out: Any
    quarantined: Any


@dataclass(frozen=True)
class Flow:
    """The diagram in both layouts, and its counts."""

    wide: Diagram
    tall: Diagram
    steps: list[Step]
    alt: str


def flow(run: Run) -> Flow | None:
    """The versions of the run and their ancestors, except those in HIDDEN zones."""
    versions = {version.ref: version for version in run.history
                if version.zone in run.zones and version.zone not in HIDDEN}
    if not versions:
        return None
    positions = _positions(versions)
    accuracy = _accuracy(run)
    steps = [step for version in versions.values() if "in" in version.entry.counts for step in _steps(version)]
    alt = "Flow of the data: " + "; ".join(
        f"{version.ref} {_figure(version, versions, accuracy)[0]}" for version in versions.values())
    return Flow(_draw(versions, positions, WIDE, accuracy), _draw(versions, positions, TALL, accuracy), steps, alt)


def _steps(version: Version) -> Iterator[Step]:
    """The stage, then its steps if it has more than one. The quarantined rows of a step are those of both its sides."""
    counts = version.entry.counts
    yield Step(version.entry.stage, version.ref, counts.get("in"), counts.get("out"), counts.get("quarantined"))
    steps = counts.get("steps") or []
    for step in steps if len(steps) > 1 else []:
        quarantined = step.get("quarantined", 0) + (step.get("other") or {}).get("quarantined", 0)
        yield Step(f"– {step['step']}", version.ref, step.get("in"), step.get("out"), quarantined)


def _accuracy(run: Run) -> Any:
    evaluation = run.last("evaluate")
    return EvaluationManifest.of(evaluation).metrics.get("accuracy") if evaluation else None


def _positions(versions: Mapping[str, Version]) -> dict[str, tuple[int, float]]:
    """ref -> (step, lane): each card is as close to the middle of its parents as its neighbours allow."""
    zones = _zones(versions)
    ranks = {version.ref: (zones.index(version.zone), _depth(version, versions)) for version in versions.values()}
    positions: dict[str, tuple[int, float]] = {}
    for step, rank in enumerate(sorted(set(ranks.values()))):
        column = [version for version in versions.values() if ranks[version.ref] == rank]
        preferred = {version.ref: _preferred_lane(version, positions, order) for order, version in enumerate(column)}
        lane = -1.0
        for ref in sorted(preferred, key=lambda ref: preferred[ref]):
            lane = max(preferred[ref], lane + 1)
            positions[ref] = step, lane
    return positions


def _zones(versions: Mapping[str, Version]) -> list[str]:
    """The zones of the versions, in the order of the stages."""
    return list(dict.fromkeys(version.zone for version in versions.values()))


def _depth(version: Version, versions: Mapping[str, Version]) -> int:
    """The length of the longest chain of ancestors in the version's own zone."""
    parents = [versions[ref] for ref in parents_of(version) if ref in versions]
    return 1 + max((_depth(parent, versions) for parent in parents if parent.zone == version.zone), default=-1)


def _preferred_lane(version: Version, positions: Mapping[str, tuple[int, float]], order: int) -> float:
    """The middle of the parents' lanes, a model only if there is no other parent; `order` without parents."""
    parents = [ref for ref in parents_of(version) if ref in positions]
    rows = [ref for ref in parents if not ref.startswith("models/")] or parents
    return sum(positions[ref][1] for ref in rows) / len(rows) if rows else float(order)


def _draw(versions: Mapping[str, Version], positions: Mapping[str, tuple[int, float]], layout: Layout,
          accuracy: Any) -> Diagram:
    corners = {ref: _corner(position, layout) for ref, position in positions.items()}
    cards = [_card(version, versions, corners[ref], layout, accuracy) for ref, version in versions.items()]
    pairs = [(parent, child) for child in versions for parent in parents_of(versions[child]) if parent in versions]
    rows = {pair: _rows_along(versions[pair[0]], versions[pair[1]]) for pair in pairs}
    most = max(rows.values(), default=0) or 1
    bands = [_band(corners[parent], corners[child], layout, rows[parent, child] / most, parent.startswith("models/"))
             for parent, child in pairs]
    width = max(x for x, _ in corners.values()) + layout.width
    height = max(y for _, y in corners.values()) + layout.height
    return Diagram(width, height + HEADING, layout, cards, bands, list(_headings(versions, corners, layout)))


def _headings(versions: Mapping[str, Version], corners: Mapping[str, tuple[float, float]],
              layout: Layout) -> Iterator[tuple[str, float, float]]:
    """Each zone's name above its column or, in a tall layout, above its first card."""
    for zone in _zones(versions):
        of_zone = [corners[ref] for ref, version in versions.items() if version.zone == zone]
        if of_zone:
            x, y = min(of_zone)
            yield zone, x, (y if layout.tall else 0.0) - 8


def _corner(position: tuple[int, float], layout: Layout) -> tuple[float, float]:
    step, lane = position
    if layout.tall:
        return lane * (layout.width + layout.across), step * (layout.height + layout.along)
    return step * (layout.width + layout.along), lane * (layout.height + layout.across)


def _band(start: tuple[float, float], end: tuple[float, float], layout: Layout, part: float, dashed: bool) -> Band:
    if layout.tall:
        x1, y1, x2, y2 = start[0] + layout.width / 2, start[1] + layout.height, end[0] + layout.width / 2, end[1]
        middle = (y1 + y2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
    else:
        x1, y1, x2, y2 = start[0] + layout.width, start[1] + layout.height / 2, end[0], end[1] + layout.height / 2
        middle = (x1 + x2) / 2
        path = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    return Band(path, 1.6 if dashed else _THINNEST + (_THICKEST - _THINNEST) * part, dashed)


def _rows_along(parent: Version, child: Version) -> float:
    counts = child.entry.counts
    if parent.zone == "models":
        return 0
    if child.zone == "integrated":
        rows = (counts.get("tables") or {}).get(parent.name, parent.rows)
    else:
        rows = counts.get("rows") if child.zone == "models" else counts.get("in")
    return rows if fmt.is_number(rows) else 0


def _card(version: Version, versions: Mapping[str, Version], corner: tuple[float, float], layout: Layout,
          accuracy: Any) -> Card:
    figure, note = _figure(version, versions, accuracy)
    quarantined = version.entry.counts.get("quarantined")
    return Card(version.ref, version.zone, fmt.shortened(f"{version.name}@{version.number}", layout.letters), figure,
                note, f"{fmt.count(quarantined)} quarantined" if quarantined else "", *corner)


def _figure(version: Version, versions: Mapping[str, Version], accuracy: Any) -> tuple[str, str]:
    """The card's large text and its small one."""
    counts = version.entry.counts
    if version.zone == "raw":
        files = fmt.plural(counts.get("files", len(version.entry.files)), "file")
        return files, fmt.size(counts.get("bytes", sum(file.bytes for file in version.entry.files)))
    if version.zone == "models":
        epochs = fmt.plural(counts.get("epochs"), "epoch")
        if accuracy is not None and _newest(versions.values(), "models") is version:
            return f"{fmt.percent(accuracy)} right", epochs
        return epochs, fmt.plural(counts.get("parameters"), "parameter")
    if version.zone == "features" and counts.get("splits"):
        return fmt.rows(counts.get("out")), f"in {fmt.plural(len(counts['splits']), 'split')}"
    return fmt.rows(counts.get("out", version.rows)), ""


def _newest(versions: Iterable[Version], zone: str) -> Version | None:
    of_zone = (version for version in versions if version.zone == zone)
    return max(of_zone, key=lambda version: version.number, default=None)
