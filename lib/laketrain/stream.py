"""A service: what arrives is landed as long as it runs, and the stages behind run anew on it if asked for.

    stream("conf/events.yaml", every=timedelta(seconds=10), last="clean", stop=threading.Event())

It is a loop over the same code that a schedule runs once, so the lake alone knows what has landed, and service and
schedule may follow one another, or meet, as they like.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from laketrain.config.durations import Duration
from laketrain.config.sources import Source
from laketrain.errors import ConfigError, GateError, LaketrainError, Problem
from laketrain.lake import Version, increments
from laketrain.pipeline import Pipeline, Watcher, terminal
from laketrain.stages import Outcome, between

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PATIENCE = timedelta(minutes=10)


def stream(config: str | Path, every: timedelta, patience: timedelta = PATIENCE, last: str = "ingest",
           sets: Sequence[str] = (), lake: str | None = None, stop: threading.Event | None = None,
           watcher: Watcher | None = None, spark: SparkSession | None = None) -> int:
    """Lands what arrives, again and again, until it is stopped; how many versions that made in `raw/`.

    Args:
        every: from the beginning of one round to that of the next.
        patience: how long rounds may fail, one after the other, before their error ends it: a broker that starts anew,
            storage that is away, are waited for. A model below its gate is told and ends nothing.
        last: the stage up to which a round runs where something has landed, by this service or by another job, since
            these stages ended well; the first round does for what was there before, which a service that was ended may
            have left.
        stop: ends it, as soon as the version that is in the making is committed. The others are as of `Pipeline`.

    Raises:
        ConfigError: no source of the workload grows, or there is no stage `last` in it.
        LaketrainError: what the last round raised, once patience is over.
    """
    between("ingest", last)
    stop = stop or threading.Event()
    arriving = _Arriving(watcher or terminal(), stop)
    pipeline = Pipeline(config, sets, lake, arriving, spark)
    pipeline.require(last)
    _require_arrivals(pipeline)
    done: dict[str, str] | None = None
    failing: float | None = None
    said = ""
    while not stop.is_set():
        began = time.monotonic()
        try:
            pipeline.outcomes.clear()
            raw = pipeline.ingest(each=True)
            there = {name: version.ref for name, version in raw.items()}
            if last != "ingest" and there != done and any(map(_holds, raw.values())):
                pipeline.run("clean", last)
                done = there
            failing, said = None, ""
        except _Stopped:
            break
        except GateError as error:  # nothing but other data makes it another model
            done, failing, said = there, None, ""
            arriving.note(f"{error} (waiting for more)")
        except LaketrainError as error:
            if stop.is_set():
                # Whoever ends a service often ends Spark's JVM at the same instant. Nothing of it was committed.
                break
            now = time.monotonic()
            failing = failing or now  # a round may take longer than patience, and is tried again all the same
            if now - failing > patience.total_seconds():
                raise
            if str(error) != said:
                said = str(error)
                arriving.note(f"{said} (tried again)")
        stop.wait(max(0.0, every.total_seconds() - (time.monotonic() - began)))
    return arriving.landed


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second one ends the process as ever."""
    told = threading.Event()

    def tell(number: int, frame: FrameType | None) -> None:
        told.set()
        signal.signal(number, former[signal.Signals(number)])

    former = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def span(option: str, text: str) -> timedelta:
    """`10 s` or `5 minutes` as time. Raises ConfigError."""
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        problem, *hints = error.errors()[0].get("ctx", {}).get("error", ValueError(str(error))).args
        raise ConfigError("command line", [Problem(option, str(problem), "".join(hints))]) from None


def _holds(raw: Version) -> bool:
    """Whether anything has ever landed; that there is nothing yet to convert or to train on is no failure."""
    return any(part.entry.files for part in increments(raw))


class _Stopped(Exception):
    """Raised between two versions, where nothing is half done."""


class _Arriving:
    """Tells of what was made, and not of what was there; stops the round behind the version that is in the making."""

    def __init__(self, inner: Watcher, stop: threading.Event) -> None:
        self._inner, self._stop = inner, stop
        self.landed = 0

    def begin(self, stage: str, name: str) -> None:
        if stage != "ingest":
            self._inner.begin(stage, name)

    def end(self, outcome: Outcome) -> None:
        if not outcome.skipped:
            self.landed += outcome.stage == "ingest"
            self._inner.end(outcome)
        if self._stop.is_set():
            raise _Stopped

    def rank_event(self, rank: int, event: dict[str, Any]) -> None:
        self._inner.rank_event(rank, event)

    def note(self, text: str) -> None:
        self._inner.note(text)


def _require_arrivals(pipeline: Pipeline) -> None:
    sources = pipeline.workload.sources
    if all(isinstance(source, Source) and not source.incremental for source in sources.values()):
        raise ConfigError(pipeline.workload.source, [Problem(
            "sources", f"none of {', '.join(sources)} grows, so there is nothing to wait for",
            "Say incremental: true of files that keep coming, or run it once with laketrain run")])
