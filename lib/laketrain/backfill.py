"""One workload run for many days, one after the other: what a schedule missed, or what a new config makes of the past.

    backfill("conf/sales.yaml", days("2026-11-01..2026-11-20"), last="clean")

Each day is a run with `--set variables.date=…`. What was made before is found and not made again, so the same command
goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from laketrain.config.dates import OPTION
from laketrain.config.document import Document
from laketrain.errors import ConfigError, LaketrainError, Problem
from laketrain.pipeline import Pipeline, RunResult, Watcher


@dataclass(frozen=True)
class Day:
    """What became of one day: its run's result, or why it failed, or neither where it was not begun."""

    date: str
    result: RunResult | None = None
    failure: LaketrainError | None = None


def backfill(config: str | Path, dates: Sequence[str], sets: Sequence[str] = (), lake: str | None = None,
             first: str | None = None, last: str | None = None, force: bool = False, watcher: Watcher | None = None,
             tell: Callable[[str], None] = lambda day: None) -> list[Day]:
    """Runs the days in the order given, up to the first that fails.

    Args:
        tell: given each day as it begins. The others are as of `Pipeline` and `Pipeline.run`.

    Raises:
        ConfigError: the config is wrong with one of the days, before any is run; or no text in it uses `${date}`.
    """
    for date in dates[:1]:  # which variables texts use is the same for each day
        if "date" not in Document.read(config, [*sets, f"variables.date={date}"]).used:
            raise ConfigError(str(config), [Problem(OPTION, "no text in the file uses ${date}, so every day would be "
                                                    "the same run", "Use it, e.g. path: landing/${date}/*.csv")])
    pipelines = [Pipeline(config, [*sets, f"variables.date={date}"], lake, watcher) for date in dates]
    done: list[Day] = []
    for date, pipeline in zip(dates, pipelines, strict=True):
        tell(date)
        try:
            done.append(Day(date, pipeline.run(first, last, force)))
        except LaketrainError as failure:
            done.append(Day(date, failure=failure))
            break
    return [*done, *(Day(date) for date in dates[len(done):])]
