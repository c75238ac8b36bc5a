"""A training, logged to a tracker."""

from __future__ import annotations

from datetime import datetime, timezone

from laketrain.track import Ending, RunFacts, Tracker

RUN = RunFacts("tiny", datetime(2026, 11, 21, 9, 30, tzinfo=timezone.utc),
               {f"train.p{number}": str(number) for number in range(130)} | {
                   "train.long": "x" * 9000, "train.loss.*.é": "focal"},
               {"laketrain.dataset": "features/tiny@1", "laketrain.fingerprint": "abc"}, "name: tiny\n")
EPOCHS = {1: {"loss": 0.5, "val_loss": 0.75, "rows_per_s": 10.0},
          2: {"loss": 0.25, "val_loss": 0.5, "rows_per_s": 12.0}}


def log_training(tracker: Tracker, ending: Ending) -> None:
    tracker.start(RUN)
    for number, metrics in EPOCHS.items():
        tracker.epoch(number, metrics)
    tracker.finish(ending)
