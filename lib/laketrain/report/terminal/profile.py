"""A profile in the terminal: a line for each column, then warnings, drift and the path of the page.

    print_profile(view)                      # laketrain profile conf/mnist.yaml clean/pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.profile.model import ColumnProfile, Numbers
from laketrain.report import format as fmt
from laketrain.report.profile import ProfileView
from laketrain.report.profile.facts import drift_table, format_number
from laketrain.report.terminal.console import literal, wide_console

if TYPE_CHECKING:
    from rich.console import Console

_BLOCKS, _BARS = " ▁▂▃▄▅▆▇█", 20
_LONGEST, _VALUES = 24, 3
_UNITS = {"text": "characters", "binary": "bytes", "array": "elements"}


def print_profile(view: ProfileView, console: Console | None = None) -> None:
    """Prints the profile of one table."""
    from rich import box
    from rich.table import Table

    console = console or wide_console()
    profile = view.profile
    console.print(literal(f"{profile.ref}: {fmt.rows(profile.rows)}, {fmt.size(profile.bytes)}", "bold"))
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("column", "type", ">nulls", ">distinct", ">least", ">median", ">most", "spread", "most frequent"):
        grid.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left",
                        no_wrap=name != "most frequent", overflow="ellipsis", max_width=_LONGEST + 12)
    for column in profile.columns:
        grid.add_row(*(literal(cell) for cell in _cells(column)))
    console.print(grid)
    for warning in view.warnings:
        console.print(literal("! ", "yellow") + literal(warning), soft_wrap=True)
    drift = drift_table(profile)
    if drift is not None:
        changed = ", ".join(f"{line.name} {line.verdict}" for line in drift.lines) or "none"
        console.print(literal(f"drift since {drift.against}: {changed}; rows {drift.rows}"), soft_wrap=True)
    console.print(literal(f"page: {view.page}"), soft_wrap=True)


def _cells(column: ColumnProfile) -> list[str]:
    numbers, unit = _shown(column)
    prefix = "" if column.distinct_exact else "~"
    distinct = fmt.DASH if column.distinct is None else f"{prefix}{fmt.count(column.distinct)}"
    ends = [fmt.DASH] * 3
    if numbers is not None and numbers.count:
        ends = [format_number(value, column.kind) for value in (numbers.least, numbers.quantiles["0.5"], numbers.most)]
        ends[2] += f" {unit}" if unit else ""
    spread = sparkline(numbers.histogram.counts) if numbers is not None and numbers.histogram else ""
    frequent = ", ".join(f"{fmt.shortened(value.value, _LONGEST)} {fmt.percent(value.rows / column.filled)}"
                         for value in column.notable_values[:_VALUES])
    nulls = fmt.percent(column.nulls / column.rows) if column.rows else fmt.DASH
    return [fmt.shortened(column.name, _LONGEST), fmt.shortened(column.type, _LONGEST), nulls, distinct, *ends,
            spread, frequent]


def _shown(column: ColumnProfile) -> tuple[Numbers | None, str]:
    """The statistics of a column's values, or of their lengths, and their unit."""
    return (column.numbers, "") if column.numbers is not None else (column.lengths, _UNITS.get(column.kind, ""))


def sparkline(counts: Sequence[int]) -> str:
    """A histogram in one line of text; a bin with at least one row is visible."""
    width = max(1, -(-len(counts) // _BARS))
    bins = [sum(counts[start : start + width]) for start in range(0, len(counts), width)]
    most = max(bins, default=0) or 1
    return "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in bins)
