"""Whether an epoch was better than all before it, and what follows: stop, a lower rate, another best model.

    judge = Judge.of(config)
    judge.see({"loss": 0.4, "val_loss": 0.5}, epoch=3)
    judge.stop, judge.factor, judge.best

All it knows is plain numbers, which checkpoints keep; every rank comes to the same verdict, from the same merged
metrics. Patience is counted as Keras' callbacks of the same names count it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from laketrain.errors import DataError, nearest
from laketrain.workload import Train

# The metric is what a name ends with; before it may stand `val_` and a target, of whatever name.
_LARGER_IS_BETTER = ("accuracy", "auc", "precision", "recall", "r2")


@dataclass
class Judge:
    """Attributes:
        monitor: the metric's name. larger: whether more of it is better.
        best: its best value, and the epoch of it, from 1; None before the first.
        waits_to_stop, waits_to_fall: epochs in a row that early stopping and the plateau did not count as better.
        stop: whether training shall end. factor: by what the learning rate is multiplied.
        reference_stop, reference_fall: the values that the next must better by `min_delta`.
    """

    monitor: str
    larger: bool
    best: float | None = None
    best_epoch: int = 0
    waits_to_stop: int = 0
    waits_to_fall: int = 0
    stop: bool = False
    factor: float = 1.0
    reference_stop: float | None = None
    reference_fall: float | None = None

    @classmethod
    def of(cls, config: Train) -> Judge:
        """As it begins."""
        default = "val_loss" if config.validation else "loss"
        monitor = default if config.monitor == "auto" else config.monitor
        return cls(monitor, monitor.endswith(_LARGER_IS_BETTER))

    def see(self, metrics: Mapping[str, float], epoch: int, config: Train) -> None:
        """Takes note of an epoch that is over. Raises DataError where it has no such metric."""
        if self.monitor not in metrics:
            raise DataError("train", f"monitor {self.monitor!r}", "is measured in no epoch",
                            nearest(self.monitor, [name for name in metrics if name != "epoch"]))
        value = metrics[self.monitor]
        if self._better(value, self.best, 0.0):
            self.best, self.best_epoch = value, epoch
        if config.early_stopping is not None:
            self._count_to_stop(value, config.early_stopping.min_delta, config.early_stopping.patience)
        if config.reduce_lr_on_plateau is not None:
            self._count_to_fall(value, config)

    def _count_to_stop(self, value: float, delta: float, patience: int) -> None:
        if self._better(value, self.reference_stop, delta):
            self.reference_stop, self.waits_to_stop = value, 0
            return
        self.waits_to_stop += 1
        self.stop = self.waits_to_stop >= patience

    def _count_to_fall(self, value: float, config: Train) -> None:
        plateau = config.reduce_lr_on_plateau
        assert plateau is not None
        if self._better(value, self.reference_fall, plateau.min_delta):
            self.reference_fall, self.waits_to_fall = value, 0
            return
        self.waits_to_fall += 1
        if self.waits_to_fall >= plateau.patience:
            self.factor, self.waits_to_fall = max(plateau.min_lr_ratio, self.factor * plateau.factor), 0

    def _better(self, value: float, than: float | None, delta: float) -> bool:
        if than is None or math.isnan(value):
            return not math.isnan(value)
        return value > than + delta if self.larger else value < than - delta

    def to_dict(self) -> dict[str, Any]:
        """For a checkpoint; `Judge(**…)` is equal."""
        return asdict(self)
