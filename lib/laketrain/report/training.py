"""What the page says of training: how it went over the epochs, with which settings, and where the ranks' time went.

    training(run).curves, ranks(run).ranks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from laketrain.report import words
from laketrain.report.plots import curve
from laketrain.report.run import Run

_NO_METRIC = {"epoch", "seconds", "rows_per_s"}


@dataclass(frozen=True)
class Curve:
    """A metric over the epochs: its drawing, and in words what it says."""

    name: str
    svg: str
    summary: str
    validated: bool


@dataclass(frozen=True)
class Training:
    """`settings` are names and values; the history is `columns` over `rows`, in text."""

    ref: str
    curves: list[Curve]
    settings: list[tuple[str, str]]
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class RankTime:
    """One rank's seconds; `waiting_part` and `computing_part` are fractions of the longest rank's."""

    rank: int
    waiting: float
    computing: float
    waiting_part: float
    computing_part: float
    waiting_share: float


@dataclass(frozen=True)
class Ranks:
    """All ranks, and how often they had to be launched again."""

    ranks: list[RankTime]
    restarts: int


def training(run: Run) -> Training | None:
    """The history of the model that the run trained, or found trained."""
    version = run.last("train")
    history = version.entry.meta.get("history") if version else None
    if version is None or not history:
        return None
    columns = list(dict.fromkeys(key for row in history for key in row))
    names = [name for name in columns if name not in _NO_METRIC and not name.startswith("val_")]
    curves = [_curve(history, name, f"curve{place}") for place, name in enumerate(names)]
    table = [[_cell(column, row.get(column)) for column in columns] for row in history]
    titles = [column.replace("_", " ") for column in columns]
    return Training(version.ref, curves, _settings(version.entry.meta), titles, table)


def _curve(history: Sequence[Mapping[str, Any]], name: str, key: str) -> Curve:
    last, validation = history[-1], f"val_{name}"
    validated = any(words.is_number(row.get(validation)) for row in history)
    said = f"train {words.metric(last.get(name))}"
    if validated:
        said += f", validation {words.metric(last.get(validation))}"
    alt = f"Curves of {name} over {words.many(len(history), 'epoch')}; at the end {said}"
    return Curve(name, curve(history, name, alt, key), said, validated)


def _cell(column: str, value: Any) -> str:
    if column == "epoch" or column == "rows_per_s":
        return words.count(value)
    return words.duration(value) if column == "seconds" else words.metric(value)


def _settings(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = meta.get("config") or {}
    augment = {key: bound for key, bound in (config.get("augment") or {}).items() if bound}
    return [
        *_named("model", config.get("model") or {}),
        *_named("optimizer", config.get("optimizer") or {}),
        *_named("augmentation", augment),
        *((name, str(config[key])) for name, key in (("global batch", "batch"), ("ranks", "ranks"), ("seed", "seed"))
          if config.get(key) is not None),
        *([("weights", str(meta["weights"])[:12])] if meta.get("weights") else []),
    ]


def _named(what: str, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`adam (learning rate 0.001)`, or the settings alone where they have no name."""
    if not settings:
        return []
    rest = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in settings.items()
                     if key != "name" and value is not None)
    name = str(settings.get("name", ""))
    return [(what, f"{name} ({rest})" if name and rest else name or rest)]


def ranks(run: Run) -> Ranks | None:
    """Where each rank's time went."""
    version = run.last("train")
    found = version.entry.meta.get("ranks") if version else None
    if version is None or not found:
        return None
    longest = max(rank["waiting_s"] + rank["computing_s"] for rank in found) or 1.0
    times = [_rank(rank["rank"], rank["waiting_s"], rank["computing_s"], longest) for rank in found]
    return Ranks(times, version.entry.meta.get("restarts") or 0)


def _rank(rank: int, waiting: float, computing: float, longest: float) -> RankTime:
    return RankTime(rank, waiting, computing, waiting / longest, computing / longest,
                    waiting / ((waiting + computing) or 1.0))
