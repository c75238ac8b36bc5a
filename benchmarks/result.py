"""The result of a benchmark: a line for each side, with its ratio and bar.

    Result("read", "50,000 rows", [Line("laketrain", rate([91e3, 93e3])),
                                   Line("a bare scan", rate([240e3, 250e3]), "vs_pyarrow_scan", 0.38, at_least(0.4))])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from rich.table import Table


@dataclass(frozen=True)
class Bar:
    """The limit of a ratio, from DESIGN.md."""

    text: str
    met: Callable[[float], bool]


def at_least(limit: float) -> Bar:
    return Bar(f"≥ {limit:g} ×", lambda value: value >= limit)


def at_most(limit: float) -> Bar:
    return Bar(f"≤ {limit:g} ×", lambda value: value <= limit)


def below(limit: float) -> Bar:
    return Bar(f"< {limit:g} ×", lambda value: value < limit)


def shares_below(limit: float) -> Bar:
    return Bar(f"< {limit:.0%}", lambda value: value < limit)


@dataclass(frozen=True)
class Line:
    """A side and its figures. `ratio` is ours against it, by the name `key` in the JSON line."""

    label: str
    figures: str
    key: str | None = None
    ratio: float | None = None
    bar: Bar | None = None

    def cells(self) -> tuple[str, str, str, str, str]:
        if self.ratio is None:
            return self.label, self.figures, "", "", ""
        ours = f"{self.ratio:.1%}" if self.bar is not None and "%" in self.bar.text else f"{self.ratio:.2f} ×"
        if self.bar is None:
            return self.label, self.figures, ours, "", ""
        outcome = "[green]met[/]" if self.bar.met(self.ratio) else "[red]not met[/]"
        return self.label, self.figures, ours, self.bar.text, outcome


@dataclass(frozen=True)
class Result:
    """A benchmark's lines. `title` describes data and rounds, `against` is the heading of the ratios."""

    name: str
    title: str
    lines: Sequence[Line]
    against: str = "laketrain against it"

    @property
    def ratios(self) -> dict[str, float]:
        """The ratios of the JSON line."""
        return {line.key: round(line.ratio, 4) for line in self.lines if line.key and line.ratio is not None}

    def without_bars(self, name: str) -> Result:
        """The result under another name, for data that the bars don't apply to."""
        return replace(self, name=name, lines=[replace(line, bar=None) for line in self.lines])

    def table(self) -> Table:
        table = Table("side", "median (least – most)", self.against, "bar", "",
                      title=f"{self.name}: {self.title}", title_justify="left")
        for line in self.lines:
            table.add_row(*line.cells())
        return table


def rate(figures: Sequence[float], unit: str = "rows/s") -> str:
    """Formats rates for the table."""
    return f"{median(figures):,.0f} {unit} ({min(figures):,.0f} – {max(figures):,.0f})"


def seconds(figures: Sequence[float]) -> str:
    """Formats times for the table."""
    return f"{median(figures):.1f} s ({min(figures):.1f} – {max(figures):.1f})"


def megabytes(figures: Sequence[float]) -> str:
    """Formats memory for the table."""
    return f"{median(figures):,.0f} MB ({min(figures):,.0f} – {max(figures):,.0f})"


def shares(figures: Sequence[float]) -> str:
    """Formats parts of a whole for the table."""
    return f"{median(figures):.1%} ({min(figures):.1%} – {max(figures):.1%})"
