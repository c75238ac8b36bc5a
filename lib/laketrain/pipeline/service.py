"""A service that lands new data until it is stopped, and can run the stages after ingest.

    stream("conf/events.yaml", every=timedelta(seconds=10), last="clean", stop=threading.Event())

It runs in a loop what a schedule runs once. The lake records what has landed, so a service and a schedule may replace
each other, or run at the same time.
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
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from laketrain.config.language.durations import Duration
from laketrain.config.sources import FileSource
from laketrain.errors import ConfigError, GateError, LaketrainError, Problem
from laketrain.lake import Version, appends
from laketrain.pipeline.pipeline import Pipeline
from laketrain.pipeline.stages import between
from laketrain.report.terminal import Terminal
from laketrain.stages import Event, Listener, Note, StageEnded, StageStarted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PATIENCE = timedelta(minutes=10)


def stream(config: str | Path, every: timedelta, patience: timedelta = PATIENCE, last: str = "ingest",
           sets: Sequence[str] = (), lake: str | None = None, stop: threading.Event | None = None,
           listener: Listener | None = None, spark: SparkSession | None = None) -> int:
    """Lands new data until it is stopped. Returns the number of versions that it made in `raw/`.

    Args:
        every: from the start of one round to the start of the next.
        patience: stop after rounds have failed for this long in a row, so that a restarting broker or an outage is
            survived. A model below its gate is a note and stops nothing.
        last: the last stage of a round. The stages after ingest run if something has landed, by this service or
            another job, since they last succeeded. The first round also runs them on earlier data.
        stop: ends the service after the current version is committed. The other arguments are those of `Pipeline`.

    Raises:
        ConfigError: no source of the workload receives new data, or the workload has no section for `last`.
        LaketrainError: the error of the last round, once patience is over.
    """
    stop = stop or threading.Event()
    round_listener = _RoundListener(listener or Terminal(), stop)
    pipeline = Pipeline(config, sets, lake, round_listener, spark)
    between("ingest", last)
    pipeline.require(last)
    _require_growing_source(pipeline)
    processed: dict[str, str] | None = None
    failing_since: float | None = None
    message = ""
    while not stop.is_set():
        began = time.monotonic()
        try:
            pipeline.outcomes.clear()
            raw = pipeline.ingest(each=True)
            landed = {name: version.ref for name, version in raw.items()}
            if last != "ingest" and landed != processed and any(map(_has_files, raw.values())):
                pipeline.run("clean", last)
                processed = landed
            failing_since, message = None, ""
        except _Stopped:
            break
        except GateError as error:  # only new data can change the model
            processed, failing_since, message = landed, None, ""
            round_listener(Note(f"{error} (waiting for more)"))
        except LaketrainError as error:
            if stop.is_set():
                # What ends a service often ends Spark's JVM at the same time. The round committed nothing.
                break
            now = time.monotonic()
            failing_since = failing_since or now  # also a round longer than patience is tried again
            if now - failing_since > patience.total_seconds():
                raise
            if str(error) != message:
                message = str(error)
                round_listener(Note(f"{message} (tried again)"))
        stop.wait(max(0.0, every.total_seconds() - (time.monotonic() - began)))
    return round_listener.landed


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set. A second signal ends the process."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, former[signal.Signals(number)])

    former = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def parse_duration(option: str, text: str) -> timedelta:
    """`10 s` or `5 minutes` as a timedelta. Raises ConfigError."""
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        problem, *hints = error.errors()[0].get("ctx", {}).get("error", ValueError(str(error))).args
        raise ConfigError("command line", [Problem(option, str(problem), "".join(hints))]) from None


def _has_files(raw: Version) -> bool:
    """Whether anything has ever landed."""
    return any(part.entry.files for part in appends(raw))


class _Stopped(Exception):
    """Raised between two versions, when no work is unfinished."""


class _RoundListener:
    """Forwards outcomes that made something. Stops the round after the current version."""

    def __init__(self, listener: Listener, stop: threading.Event) -> None:
        self._listener, self._stop = listener, stop
        self.landed = 0

    def __call__(self, event: Event) -> None:
        """Receives an event. Raises _Stopped."""
        match event:
            case StageStarted(stage="ingest"):
                return
            case StageEnded(outcome):
                if not outcome.skipped:
                    self.landed += outcome.stage == "ingest"
                    self._listener(event)
                if self._stop.is_set():
                    raise _Stopped
            case _:
                self._listener(event)


def _require_growing_source(pipeline: Pipeline) -> None:
    sources = pipeline.workload.sources
    if all(isinstance(source, FileSource) and not source.incremental for source in sources.values()):
        raise ConfigError(pipeline.workload.source, [Problem(
            "sources", f"none of {', '.join(sources)} grows, so there is nothing to wait for",
            "Set incremental: true for sources that receive new files, or run it once with laketrain run")])
