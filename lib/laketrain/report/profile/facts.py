"""The values that a profile's page prints: a card for each column, warnings, correlations, drift.

    facts = facts_of(profile)
    facts.cards[0].plots[0].svg
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from laketrain.profile.drift import NEW_ROWS, NULLS, PSI, SHIFT
from laketrain.profile.model import ColumnDrift, ColumnProfile, Correlations, Numbers, TableProfile, Value
from laketrain.report import format as fmt
from laketrain.report.svg.histogram import svg_histogram

SHOWN = 10
"""The most values that a card lists."""
_LONGEST_NAME, _LONGEST_VALUE, _NUMBERED = 60, 60, 14
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FAR = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True)
class Plot:
    """A histogram, the ends of its axis, and quantiles by name."""

    title: str
    svg: str
    ends: tuple[str, str]
    figures: list[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class ValueLine:
    """A frequent value; `part` is its rows as a fraction of the most frequent value's."""

    value: str
    rows: int
    share: float
    part: float


@dataclass(frozen=True)
class Listing:
    """Values of a column or of its images; `rest` describes those that are not shown."""

    title: str
    lines: list[ValueLine]
    rest: str


@dataclass(frozen=True)
class Card:
    """A column. `anchor` is its id on the page."""

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
    """A correlation as text, and as a shade of one of two colours."""

    text: str
    title: str
    heat: float
    negative: bool


@dataclass(frozen=True)
class Heat:
    """The correlations as a grid, and the columns that it leaves out."""

    columns: list[str]
    lines: list[list[Cell | None]]
    numbered: bool
    left_out: list[tuple[str, str]]


@dataclass(frozen=True)
class DriftLine:
    """A column's drift in fmt."""

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
    """Drift since an earlier version; `bounds` describes when drift counts as some or strong."""

    against: str
    rows: str
    lines: list[DriftLine]
    unchanged: int
    bounds: str


@dataclass(frozen=True)
class Facts:
    """All values of the page."""

    ref: str
    rows: int
    columns: int
    size: str
    warnings: list[str]
    cards: list[Card]
    heat: Heat | None
    drift: DriftTable | None


def facts_of(profile: TableProfile) -> Facts:
    """The values that the page of a profile prints."""
    cards = [_card(index, column, [warning.text for warning in profile.warnings if warning.columns == [column.name]])
             for index, column in enumerate(profile.columns)]
    return Facts(profile.ref, profile.rows, len(profile.columns), fmt.size(profile.bytes),
                 [warning.text for warning in profile.warnings], cards,
                 _heat(profile.correlations) if profile.correlations else None, drift_table(profile))


def drift_table(profile: TableProfile) -> DriftTable | None:
    """The drift since the version before; None if there is none."""
    drift = profile.drift
    if drift is None:
        return None
    order = {"strong": 0, "some": 1, "none": 2}
    changed = sorted((column for column in drift.columns if column.verdict != "none"),
                     key=lambda column: order[column.verdict])
    bounds = (f"Some drift begins at a PSI of {PSI[0]:g}, a mean that moved by {SHIFT[0]:g} standard deviations, "
              f"{fmt.percent(NULLS[0])} more or fewer nulls, or any new or vanished value; strong drift at a PSI of "
              f"{PSI[1]:g}, {SHIFT[1]:g} deviations, {fmt.percent(NULLS[1])} of nulls, {fmt.percent(NEW_ROWS[1])} of "
              "rows with new values, or a column that is gone or of another type. What chance alone would give between "
              "samples of these sizes is taken off first.")
    return DriftTable(f"{profile.table}@{drift.against}",
                      f"{fmt.count(drift.rows_before)} → {fmt.rows(drift.rows_now)}",
                      [_drift_line(column) for column in changed], len(drift.columns) - len(changed), bounds)


def format_number(value: float | None, kind: str = "number") -> str:
    """Four significant figures, whole numbers with all digits, times as dates."""
    if value is None:
        return fmt.DASH
    if kind == "time":
        return _format_time(value)
    if value == int(value) and abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def _format_time(seconds: float) -> str:
    if not -62_135_596_800 <= seconds <= _FAR:
        return f"{seconds:.4g} s since 1970"
    when = _EPOCH + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%d}" if when.hour == when.minute == when.second == 0 else f"{when:%Y-%m-%d %H:%M:%S}"


def column_facts(column: ColumnProfile) -> list[tuple[str, str]]:
    """The facts about a column, by name."""
    prefix = "" if column.distinct_exact else "about "
    facts = [("nulls", f"{fmt.count(column.nulls)} ({fmt.percent(column.nulls / column.rows)})"
              if column.rows else "0")]
    if column.distinct is not None:
        facts.append(("distinct", f"{prefix}{fmt.count(column.distinct)}"))
    numbers = column.numbers
    if numbers is not None and column.kind == "number":
        facts += [(name, fmt.count(value)) for name, value in (
            ("zeros", numbers.zeros), ("negative", numbers.negative), ("NaN", numbers.nan),
            ("infinite", numbers.infinite)) if value]
    facts += [(name, fmt.count(value)) for name, value in (
        ("empty", column.empty), ("look like numbers", column.looks_numeric)) if value]
    if column.elements:
        facts.append(("elements", f"{format_number(column.elements.least)} to {format_number(column.elements.most)}"))
    if column.images:
        facts.append(("images", f"{fmt.count(column.images.readable)} readable"
                      + (f", {fmt.count(column.images.unreadable)} not" if column.images.unreadable else "")))
    if column.imbalance is not None:
        facts.append(("largest : smallest class", f"{column.imbalance:.3g} : 1"))
    return facts


def _card(index: int, column: ColumnProfile, warnings: list[str]) -> Card:
    anchor = f"column-{index}"
    return Card(anchor, fmt.shortened(column.name, _LONGEST_NAME), fmt.shortened(column.type, _LONGEST_NAME),
                column_facts(column), column.filled / column.rows if column.rows else 0.0,
                list(_plots(column, anchor)), list(_listings(column)), warnings)


def _plots(column: ColumnProfile, anchor: str) -> Iterator[Plot]:
    unit = {"text": "characters", "binary": "bytes", "array": "elements"}.get(column.kind, "")
    measures = [("values" if column.kind == "number" else "time", column.numbers), (unit, column.lengths),
                ("words", column.words)]
    if column.images:
        measures += [("width, pixels", column.images.width), ("height, pixels", column.images.height)]
    all_listed = column.complete and len(column.values) <= SHOWN
    for title, numbers in measures:
        if numbers is not None and numbers.count and numbers.histogram and numbers.least is not None:
            if numbers.least == numbers.most:
                if not all_listed:
                    yield Plot(title, "", ("", ""), [], f"always {format_number(numbers.least, column.kind)}")
            elif not (all_listed and column.kind in ("number", "text")):
                yield _plot(title, numbers, column.kind)


def _plot(title: str, numbers: Numbers, kind: str) -> Plot:
    assert numbers.histogram is not None
    kind = kind if title == "time" else "number"
    edges = numbers.histogram.edges
    labels = [f"{format_number(low, kind)} to {format_number(high, kind)}: {fmt.count(rows)}"
              for low, high, rows in zip(edges, edges[1:], numbers.histogram.counts, strict=False)]
    alt = f"Histogram of {title} from {format_number(numbers.least, kind)} to {format_number(numbers.most, kind)}"
    names = {"0.01": "1 %", "0.05": "5 %", "0.25": "25 %", "0.5": "median", "0.75": "75 %", "0.95": "95 %",
             "0.99": "99 %"}
    figures = [("mean", format_number(numbers.mean, kind))]
    figures += [] if kind == "time" else [("std", format_number(numbers.std))]
    figures += [(names.get(part, part), format_number(value, kind)) for part, value in numbers.quantiles.items()
                if kind != "time" or part == "0.5"]
    return Plot(title, svg_histogram(numbers.histogram.counts, labels, alt),
                (format_number(numbers.least, kind), format_number(numbers.most, kind)), figures, "")


def _listings(column: ColumnProfile) -> Iterator[Listing]:
    shown = column.notable_values[:SHOWN]
    if shown:
        listed = sum(value.rows for value in shown)
        if column.complete:
            more = len(column.values) - len(shown)
            rest = f"and {fmt.plural(more, 'more value')}, {fmt.rows(column.filled - listed)}" if more else ""
        else:
            rest = f"and others, {fmt.rows(column.filled - listed)}"
        yield Listing("most frequent", _lines(shown, column.filled), rest)
    if column.images:
        for title, values in (("format", column.images.formats), ("colours", column.images.colours),
                              ("size, pixels", column.images.sizes), ("not readable", column.images.reasons)):
            if values:
                yield Listing(title, _lines(values[:SHOWN], column.filled),
                              f"and {len(values) - SHOWN} more" if len(values) > SHOWN else "")


def _lines(values: Sequence[Value], rows: int) -> list[ValueLine]:
    most = max((value.rows for value in values), default=1) or 1
    return [ValueLine(fmt.shortened(value.value, _LONGEST_VALUE) or "(empty)", value.rows,
                      value.rows / rows if rows else 0.0, value.rows / most) for value in values]


def _heat(correlations: Correlations) -> Heat:
    lines: list[list[Cell | None]] = []
    columns = correlations.columns
    for row, name in enumerate(columns):
        lines.append([None if column == row else _cell(name, columns[column], r)
                      for column, r in enumerate(correlations.r[row])])
    return Heat(columns, lines, len(columns) <= _NUMBERED, list(correlations.left_out.items()))


def _cell(column: str, other: str, r: float | None) -> Cell:
    text = fmt.DASH if r is None else f"{round(r, 2) + 0.0:.2f}".replace("-", "−")
    return Cell(text, f"{column} and {other}: {text}", abs(r or 0.0), (r or 0.0) < 0)


def _drift_line(column: ColumnDrift) -> DriftLine:
    nulls = f"{fmt.percent(column.nulls_before)} → {fmt.percent(column.nulls_now)}" \
        if column.nulls_before is not None else fmt.DASH
    psi = f"{column.psi:.2f} over its {column.basis}" if column.psi is not None else fmt.DASH
    shift = f"{column.shift:+.2f}".replace("-", "−") if column.shift is not None else fmt.DASH
    return DriftLine(column.name, column.verdict, column.because, nulls, psi, shift,
                     [fmt.shortened(value, _LONGEST_VALUE) for value in column.new_values],
                     [fmt.shortened(value, _LONGEST_VALUE) for value in column.vanished_values])
