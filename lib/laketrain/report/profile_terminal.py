"""A profile in the terminal: a line a column, then what should be looked at, then where the page is.

    print_profile(view)                      # laketrain profile conf/mnist.yaml clean/pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from laketrain.profile.model import ColumnProfile, Numbers
from laketrain.report import words
from laketrain.report.profile import ProfileView
from laketrain.report.profile_facts import drift_table, said_number

if TYPE_CHECKING:
    from rich.console import Console

_BLOCKS, _BARS = " ▁▂▃▄▅▆▇█", 20
_LONGEST, _VALUES, _PIPED = 24, 3, 150
_MEASURE = {"text": "characters", "binary": "bytes", "array": "elements"}


def print_profile(view: ProfileView, console: Console | None = None) -> None:
    """All of one table."""
    from rich import box
    from rich.table import Table

    console = console or _console()
    profile = view.profile
    console.print(_text(f"{profile.ref}: {words.rows(profile.rows)}, {words.size(profile.bytes)}", "bold"))
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("column", "type", ">nulls", ">distinct", ">least", ">median", ">most", "spread", "most frequent"):
        grid.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left",
                        no_wrap=name != "most frequent", overflow="ellipsis", max_width=_LONGEST + 12)
    for column in profile.columns:
        grid.add_row(*(_text(cell) for cell in _cells(column)))
    console.print(grid)
    for warning in view.warnings:
        console.print(_text("! ", "yellow") + _text(warning), soft_wrap=True)
    drift = drift_table(profile)
    if drift is not None:
        changed = ", ".join(f"{line.name} {line.verdict}" for line in drift.lines) or "none"
        console.print(_text(f"drift since {drift.against}: {changed}; rows {drift.rows}"), soft_wrap=True)
    console.print(_text(f"page: {view.page}"), soft_wrap=True)


def _cells(column: ColumnProfile) -> list[str]:
    numbers, unit = _shown(column)
    about = "" if column.distinct_exact else "~"
    distinct = words.NOTHING if column.distinct is None else f"{about}{words.count(column.distinct)}"
    ends = [words.NOTHING] * 3
    if numbers is not None and numbers.count:
        ends = [said_number(value, column.kind) for value in (numbers.least, numbers.quantiles["0.5"], numbers.most)]
        ends[2] += f" {unit}" if unit else ""
    spread = sparkline(numbers.histogram.counts) if numbers is not None and numbers.histogram else ""
    frequent = ", ".join(f"{words.shortened(value.value, _LONGEST)} {words.share(value.rows / column.filled)}"
                         for value in column.notable_values[:_VALUES])
    nulls = words.share(column.nulls / column.rows) if column.rows else words.NOTHING
    return [words.shortened(column.name, _LONGEST), words.shortened(column.type, _LONGEST), nulls, distinct, *ends,
            spread, frequent]


def _shown(column: ColumnProfile) -> tuple[Numbers | None, str]:
    """The numbers of a column, or of its lengths, and their unit."""
    return (column.numbers, "") if column.numbers is not None else (column.lengths, _MEASURE.get(column.kind, ""))


def sparkline(counts: Sequence[int]) -> str:
    """A histogram in one line of text; what holds anything can be seen."""
    width = max(1, -(-len(counts) // _BARS))
    bins = [sum(counts[start : start + width]) for start in range(0, len(counts), width)]
    most = max(bins, default=0) or 1
    return "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // most)] for count in bins)


def _text(value: str, style: str = "") -> Any:
    """Text that rich takes as it is: what comes from data is never markup, nor a terminal's control codes."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else "�" for letter in value), style)


def _console() -> Console:
    """The terminal, or room enough where the output goes to a file or another program."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, _PIPED))
