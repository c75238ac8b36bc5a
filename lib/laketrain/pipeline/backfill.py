"""Runs one workload for many days: those that a schedule missed, or past days with a new config.

    backfill("conf/sales.yaml", days("2026-11-01..2026-11-20"), last="clean")

Each day is a run with `--set variables.date=…`. Versions that exist aren't made again, so the same command
continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from laketrain.config.language.dates import OPTION
from laketrain.config.language.document import Document
from laketrain.errors import ConfigError, LaketrainError, Problem
from laketrain.pipeline.pipeline import Pipeline
from laketrain.stages import Listener, RunResult


@dataclass(frozen=True)
class Day:
    """One day: the result of its run, or its failure, or neither if it wasn't started."""

    date: str
    result: RunResult | None = None
    failure: LaketrainError | None = None


def backfill(config: str | Path, dates: Sequence[str], sets: Sequence[str] = (), lake: str | None = None,
             first: str | None = None, last: str | None = None, force: bool = False, listener: Listener | None = None,
             on_day: Callable[[str], None] = lambda date: None) -> list[Day]:
    """Runs the days in order, up to the first that fails.

    Args:
        on_day: called with each day before its run. The other arguments are those of `Pipeline` and `Pipeline.run`.

    Raises:
        ConfigError: the config is wrong with one of the days, before any is run; or no text in it uses `${date}`.
    """
    for date in dates[:1]:  # which variables texts use is the same for each day
        if "date" not in Document.read(config, [*sets, f"variables.date={date}"]).used:
            raise ConfigError(str(config), [Problem(OPTION, "no text in the file uses ${date}, so every day would be "
                                                    "the same run", "Use it, e.g. path: landing/${date}/*.csv")])
    pipelines = [Pipeline(config, [*sets, f"variables.date={date}"], lake, listener) for date in dates]
    days: list[Day] = []
    for date, pipeline in zip(dates, pipelines, strict=True):
        on_day(date)
        try:
            days.append(Day(date, pipeline.run(first, last, force)))
        except LaketrainError as failure:
            days.append(Day(date, failure=failure))
            break
    return [*days, *(Day(date) for date in dates[len(days):])]
