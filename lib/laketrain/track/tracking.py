"""Sends the events of a training to the trackers of its workload. A tracker's failure is a note; training continues.

    with tracked(workload, dataset, key, note=print) as tracking: ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec

from laketrain.config.track import Track
from laketrain.errors import Problem
from laketrain.events import EpochEnded, Logs
from laketrain.lake import Version
from laketrain.report.redact import Redactor
from laketrain.track.run import Ending, RunFacts, Tracker
from laketrain.workload import Workload

_PACKAGES = {"mlflow": ("mlflow", "sqlalchemy", "alembic"), "tensorboard": ("tensorboard",)}


def missing_packages(track: Track | None) -> Iterator[Problem]:
    """A problem for each tracker of the section whose packages aren't installed."""
    for section, packages in _PACKAGES.items():
        absent = [package for package in packages if find_spec(package) is None]
        if getattr(track, section, None) is not None and absent:
            yield Problem(f"track.{section}", f"needs {' and '.join(absent)}, not installed here",
                          "Run pip install 'laketrain[track]', or remove the section")


@contextmanager
def tracked(workload: Workload, dataset: Version, key: str, note: Callable[[str], None]) -> Iterator[Tracking]:
    """Tracks a training on `dataset` with the fingerprint `key`, from the start to the end of the block."""
    redactor = Redactor(workload)
    tracking = Tracking(_trackers(workload, dataset), lambda text: note(redactor.scrub(text)))
    tracking.begin(lambda: RunFacts.of(workload, dataset, key))
    try:
        yield tracking
    except Exception as error:
        tracking.end(Ending("failed", tags={"laketrain.failure": type(error).__name__}))
        raise
    except BaseException:
        tracking.end(Ending("stopped"))
        raise
    model = tracking.model
    tracking.end(Ending("finished", model, {} if model is None else {"laketrain.model": model.ref}))


class Tracking:
    """The trackers of one training. If one raises, `note` is called once, and it receives only the end.

    They are called in one thread, in order, since a slow server must delay neither the ranks nor their supervision.
    """

    def __init__(self, trackers: Mapping[str, Tracker], note: Callable[[str], None]) -> None:
        self.model: Version | None = None
        self._trackers, self._note, self._epoch = trackers, note, 0
        self._failed = set[str]()
        self._executor = ThreadPoolExecutor(1, "laketrain-track") if trackers else None

    def epoch_ended(self, rank: int, event: EpochEnded) -> None:
        """Sends the epochs of rank 0 to the trackers."""
        # After a relaunch the epochs since the checkpoint come again, with the same numbers.
        if rank == 0 and event.epoch > self._epoch:
            self._epoch = event.epoch
            metrics = _metrics(event.logs)
            self._submit(lambda tracker: tracker.epoch(event.epoch, metrics))

    def committed(self, model: Version) -> None:
        """Remembers the committed model."""
        self.model = model

    def begin(self, facts: Callable[[], RunFacts]) -> None:
        """Sends the start of a training. `facts` is called only if there is a tracker."""
        self._submit(lambda tracker: tracker.start(facts()))

    def end(self, ending: Ending) -> None:
        """Sends the end of the training. Returns when all trackers have received it."""
        self._submit(lambda tracker: tracker.finish(ending), also_failed=True)
        if self._executor is not None:
            self._executor.shutdown()

    def _submit(self, call: Callable[[Tracker], None], also_failed: bool = False) -> None:
        if self._executor is not None:
            self._executor.submit(self._call_all, call, also_failed)

    def _call_all(self, call: Callable[[Tracker], None], also_failed: bool) -> None:
        for name, tracker in self._trackers.items():
            if name in self._failed and not also_failed:
                continue
            try:
                call(tracker)
            except Exception as error:
                if name not in self._failed:
                    self._failed.add(name)
                    self._note(f"{name} receives no more of this training: {type(error).__name__}: {error}")


def _trackers(workload: Workload, dataset: Version) -> dict[str, Tracker]:
    track, trackers = workload.track, dict[str, Tracker]()
    if track is not None and track.mlflow is not None:
        from laketrain.track.mlflow import MLflowTracker

        trackers["MLflow"] = MLflowTracker(track.mlflow, dataset.lake)
    if track is not None and track.tensorboard is not None:
        from laketrain.track.tensorboard import TensorBoardTracker

        trackers["TensorBoard"] = TensorBoardTracker(track.tensorboard, dataset.lake)
    return trackers


def _metrics(logs: Logs) -> dict[str, float]:
    """The finite numbers of `logs`."""
    return {name: float(value) for name, value in logs.items()
            if name != "epoch" and isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value)}
