"""The base of hooks, which the runner calls around its work."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from laketrain.lake import Version
from laketrain.stages import Event, Outcome, Stage, Work


class Hook:
    """Does nothing; subclasses override what they need."""

    def making(self, stage: Stage, work: Work) -> AbstractContextManager[None]:
        """Entered before a version is made, left afterwards, with the error if it failed."""
        return nullcontext()

    def made(self, version: Version) -> None:
        """A version was committed; called within `making`."""

    def on_event(self, event: Event) -> None:
        """Receives every event of the run."""

    def stage_ended(self, outcome: Outcome) -> None:
        """Called for each version, new or not."""

    def run_ended(self, outcomes: Sequence[Outcome]) -> None:
        """A run ended without an error, and its report is written."""
