"""What a profile's page prints, as plain values: a card a column, warnings, correlations, drift.

    facts = facts_of(profile)
    facts.cards[0].plots[0].svg
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from laketrain.profile.drift import NEW_ROWS, NULLS, PSI, SHIFT
from laketrain.profile.model import ColumnDrift, ColumnProfile, Correlations, Numbers, TableProfile, Value
from laketrain.report import words
from laketrain.report.bars import bars

SHOWN = 10
"""ValueCounts that a card lists."""
_LONGEST_NAME, _LONGEST_VALUE, _NUMBERED = 60, 60, 14
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FAR = 253_402_300_799
"""The last second that has a date of four figures."""


@dataclass(frozen=True)
class Plot:
    """A histogram with what stands below it: its ends, and its quantiles by name."""

    title: str
    svg: str
    ends: tuple[str, str]
    figures: list[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class ValueLine:
    """A frequent value; `part` is of the most frequent one."""

    value: str
    rows: int
    share: float
    part: float


@dataclass(frozen=True)
class Listing:
    """The values of a column or of its images, and a word on those that are not shown."""

    title: str
    lines: list[ValueLine]
    rest: str


@dataclass(frozen=True)
class Card:
    """A column. `anchor` is its place on the page."""

    anchor: str
    name: str
    type: str
    facts: list[tuple[str, str]]
    filled: float
    plots: list[Plot]
    listings: list[Listing]
    warnings: list[str]


@dataclass(frozen=True)
class Cell:
    """A correlation: as text, and as a shade of one of two colours."""

    said: str
    title: str
    heat: float
    negative: bool


@dataclass(frozen=True)
class Heat:
    """The correlations as a grid, and what was left out of it."""

    columns: list[str]
    lines: list[list[Cell | None]]
    numbered: bool
    left_out: list[tuple[str, str]]


@dataclass(frozen=True)
class DriftLine:
    """A column's drift in words."""

    name: str
    verdict: str
    because: str
    nulls: str
    psi: str
    shift: str
    new: list[str]
    vanished: list[str]


@dataclass(frozen=True)
class DriftTable:
    """Drift against an earlier version, and from what on it is called some or strong."""

    against: str
    rows: str
    lines: list[DriftLine]
    unchanged: int
    bounds: str


@dataclass(frozen=True)
class Facts:
    """All of the page."""

    ref: str
    rows: int
    columns: int
    size: str
    warnings: list[str]
    cards: list[Card]
    heat: Heat | None
    drift: DriftTable | None


def facts_of(profile: TableProfile) -> Facts:
    """The page's values."""
    cards = [_card(place, column, [warning.text for warning in profile.warnings if warning.columns == [column.name]])
             for place, column in enumerate(profile.columns)]
    return Facts(profile.ref, profile.rows, len(profile.columns), words.size(profile.bytes),
                 [warning.text for warning in profile.warnings], cards,
                 _heat(profile.correlations) if profile.correlations else None, drift_table(profile))


def drift_table(profile: TableProfile) -> DriftTable | None:
    """None where there is no version before."""
    drift = profile.drift
    if drift is None:
        return None
    order = {"strong": 0, "some": 1, "none": 2}
    changed = sorted((column for column in drift.columns if column.verdict != "none"),
                     key=lambda column: order[column.verdict])
    bounds = (f"Some drift begins at a PSI of {PSI[0]:g}, a mean that moved by {SHIFT[0]:g} standard deviations, "
              f"{words.share(NULLS[0])} more or fewer nulls, or any new or vanished value; strong drift at a PSI of "
              f"{PSI[1]:g}, {SHIFT[1]:g} deviations, {words.share(NULLS[1])} of nulls, {words.share(NEW_ROWS[1])} of "
              "rows with new values, or a column that is gone or of another type. What chance alone would give between "
              "samples of these sizes is taken off first.")
    return DriftTable(f"{profile.table}@{drift.against}",
                      f"{words.count(drift.rows_before)} → {words.rows(drift.rows_now)}",
                      [_drift_line(column) for column in changed], len(drift.columns) - len(changed), bounds)


def said_number(value: float | None, kind: str = "number") -> str:
    """Four figures, whole numbers with all of theirs; a time as such."""
    if value is None:
        return words.NOTHING
    if kind == "time":
        return _said_time(value)
    if value == int(value) and abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def _said_time(seconds: float) -> str:
    if not -62_135_596_800 <= seconds <= _FAR:
        return f"{seconds:.4g} s since 1970"
    when = _EPOCH + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%d}" if when.hour == when.minute == when.second == 0 else f"{when:%Y-%m-%d %H:%M:%S}"


def column_facts(column: ColumnProfile) -> list[tuple[str, str]]:
    """What is said of any column, by name."""
    about = "" if column.distinct_exact else "about "
    found = [("nulls", f"{words.count(column.nulls)} ({words.share(column.nulls / column.rows)})"
              if column.rows else "0")]
    if column.distinct is not None:
        found.append(("distinct", f"{about}{words.count(column.distinct)}"))
    numbers = column.numbers
    if numbers is not None and column.kind == "number":
        found += [(name, words.count(value)) for name, value in (
            ("zeros", numbers.zeros), ("negative", numbers.negative), ("NaN", numbers.nan),
            ("infinite", numbers.infinite)) if value]
    found += [(name, words.count(value)) for name, value in (
        ("empty", column.empty), ("look like numbers", column.looks_numeric)) if value]
    if column.elements:
        found.append(("elements", f"{said_number(column.elements.least)} to {said_number(column.elements.most)}"))
    if column.images:
        found.append(("images", f"{words.count(column.images.readable)} readable"
                      + (f", {words.count(column.images.unreadable)} not" if column.images.unreadable else "")))
    if column.imbalance is not None:
        found.append(("largest : smallest class", f"{column.imbalance:.3g} : 1"))
    return found


def _card(place: int, column: ColumnProfile, warnings: list[str]) -> Card:
    anchor = f"column-{place}"
    return Card(anchor, words.shortened(column.name, _LONGEST_NAME), words.shortened(column.type, _LONGEST_NAME),
                column_facts(column), column.filled / column.rows if column.rows else 0.0,
                list(_plots(column, anchor)), list(_listings(column)), warnings)


def _plots(column: ColumnProfile, anchor: str) -> Iterator[Plot]:
    unit = {"text": "characters", "binary": "bytes", "array": "elements"}.get(column.kind, "")
    measures = [("values" if column.kind == "number" else "time", column.numbers), (unit, column.lengths),
                ("words", column.words)]
    if column.images:
        measures += [("width, pixels", column.images.width), ("height, pixels", column.images.height)]
    plain = column.complete and len(column.values) <= SHOWN
    for title, numbers in measures:
        if numbers is not None and numbers.count and numbers.histogram and numbers.least is not None:
            if numbers.least == numbers.most:
                if not plain:
                    yield Plot(title, "", ("", ""), [], f"always {said_number(numbers.least, column.kind)}")
            elif not (plain and column.kind in ("number", "text")):
                yield _plot(title, numbers, column.kind)


def _plot(title: str, numbers: Numbers, kind: str) -> Plot:
    assert numbers.histogram is not None
    kind = kind if title == "time" else "number"
    edges = numbers.histogram.edges
    labels = [f"{said_number(low, kind)} to {said_number(high, kind)}: {words.count(rows)}"
              for low, high, rows in zip(edges, edges[1:], numbers.histogram.counts, strict=False)]
    alt = f"Histogram of {title} from {said_number(numbers.least, kind)} to {said_number(numbers.most, kind)}"
    names = {"0.01": "1 %", "0.05": "5 %", "0.25": "25 %", "0.5": "median", "0.75": "75 %", "0.95": "95 %",
             "0.99": "99 %"}
    figures = [("mean", said_number(numbers.mean, kind))]
    figures += [] if kind == "time" else [("std", said_number(numbers.std))]
    figures += [(names.get(part, part), said_number(value, kind)) for part, value in numbers.quantiles.items()
                if kind != "time" or part == "0.5"]
    return Plot(title, bars(numbers.histogram.counts, labels, alt),
                (said_number(numbers.least, kind), said_number(numbers.most, kind)), figures, "")


def _listings(column: ColumnProfile) -> Iterator[Listing]:
    shown = column.notable_values[:SHOWN]
    if shown:
        held = sum(value.rows for value in shown)
        if column.complete:
            more = len(column.values) - len(shown)
            rest = f"and {words.many(more, 'more value')}, {words.rows(column.filled - held)}" if more else ""
        else:
            rest = f"and others, {words.rows(column.filled - held)}"
        yield Listing("most frequent", _lines(shown, column.filled), rest)
    if column.images:
        for title, values in (("format", column.images.formats), ("colours", column.images.colours),
                              ("size, pixels", column.images.sizes), ("not readable", column.images.reasons)):
            if values:
                yield Listing(title, _lines(values[:SHOWN], column.filled),
                              f"and {len(values) - SHOWN} more" if len(values) > SHOWN else "")


def _lines(values: Sequence[Value], rows: int) -> list[ValueLine]:
    most = max((value.rows for value in values), default=1) or 1
    return [ValueLine(words.shortened(value.value, _LONGEST_VALUE) or "(empty)", value.rows,
                      value.rows / rows if rows else 0.0, value.rows / most) for value in values]


def _heat(found: Correlations) -> Heat:
    lines: list[list[Cell | None]] = []
    for place, one in enumerate(found.columns):
        lines.append([None if other == place else _cell(one, found.columns[other], r)
                      for other, r in enumerate(found.r[place])])
    return Heat(found.columns, lines, len(found.columns) <= _NUMBERED, list(found.left_out.items()))


def _cell(one: str, other: str, r: float | None) -> Cell:
    said = words.NOTHING if r is None else f"{round(r, 2) + 0.0:.2f}".replace("-", "−")
    return Cell(said, f"{one} and {other}: {said}", abs(r or 0.0), (r or 0.0) < 0)


def _drift_line(column: ColumnDrift) -> DriftLine:
    nulls = f"{words.share(column.nulls_before)} → {words.share(column.nulls_now)}" \
        if column.nulls_before is not None else words.NOTHING
    psi = f"{column.psi:.2f} over its {column.basis}" if column.psi is not None else words.NOTHING
    shift = f"{column.shift:+.2f}".replace("-", "−") if column.shift is not None else words.NOTHING
    return DriftLine(column.name, column.verdict, column.because, nulls, psi, shift,
                     [words.shortened(value, _LONGEST_VALUE) for value in column.new_values],
                     [words.shortened(value, _LONGEST_VALUE) for value in column.vanished_values])
