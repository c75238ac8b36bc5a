"""Sends trainings to MLflow and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from laketrain.events import EpochEnded, Hint
from laketrain.lake import Version
from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.base import Hook
from laketrain.stages import Event, RankEvent, Stage, Work

if TYPE_CHECKING:
    from laketrain.track import Tracking


class TrackHook(Hook):
    """Tracks the work of the stage `train`, if the workload has the section `track`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tracking: Tracking | None = None

    @contextmanager
    def making(self, stage: Stage, work: Work) -> Iterator[None]:
        if stage.name != "train":
            yield
            return
        from laketrain.track import tracked

        [dataset] = work.parents
        try:
            with tracked(self._context.workload, dataset, work.fingerprint, self._hint) as self._tracking:
                yield
        finally:
            self._tracking = None

    def made(self, version: Version) -> None:
        if self._tracking is not None:
            self._tracking.committed(version)

    def on_event(self, event: Event) -> None:
        if self._tracking is not None and isinstance(event, RankEvent) and isinstance(event.event, EpochEnded):
            self._tracking.epoch_ended(event.rank, event.event)

    def _hint(self, text: str) -> None:
        self._context.rank_event(0, Hint(text))
