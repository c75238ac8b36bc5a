"""Decides by the monitored metric: is this epoch the best one, should training stop, should the learning rate fall.

    monitor = EpochMonitor.of(config)
    monitor.update({"loss": 0.4, "val_loss": 0.5}, epoch=3, config=config)
    monitor.best_epoch, monitor.stop_training, monitor.lr_factor

Its state is plain numbers, which checkpoints contain. All ranks decide the same, since metrics are merged over them.
Patience is counted as in Keras' EarlyStopping and ReduceLROnPlateau.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from laketrain.errors import DataError, nearest
from laketrain.tasks import metric_mode
from laketrain.workload import Train

# Names that checkpoints of earlier versions used.
_FORMER = {"larger": "maximise", "waits_to_stop": "stop_wait", "waits_to_fall": "plateau_wait", "stop": "stop_training",
           "factor": "lr_factor", "reference_stop": "stop_best", "reference_fall": "plateau_best"}


@dataclass
class EpochMonitor:
    """Attributes:
        monitor: the metric's name. maximise: whether larger values are better.
        best: its best value. best_epoch: the epoch of it, from 1; 0 before the first.
        stop_wait, plateau_wait: epochs in a row without improvement, for early stopping and for the plateau.
        stop_training: whether training should end. lr_factor: multiplies the learning rate.
        stop_best, plateau_best: the values that the next epoch must improve by `min_delta`.
    """

    monitor: str
    maximise: bool
    best: float | None = None
    best_epoch: int = 0
    stop_wait: int = 0
    plateau_wait: int = 0
    stop_training: bool = False
    lr_factor: float = 1.0
    stop_best: float | None = None
    plateau_best: float | None = None

    @classmethod
    def of(cls, config: Train) -> EpochMonitor:
        """The state before the first epoch."""
        default = "val_loss" if config.validation else "loss"
        monitor = default if config.monitor == "auto" else config.monitor
        return cls(monitor, metric_mode(monitor) == "max")

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> EpochMonitor:
        """The state in a checkpoint, also one of an earlier version."""
        return cls(**{_FORMER.get(name, name): value for name, value in state.items()})

    def to_dict(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return asdict(self)

    def update(self, metrics: Mapping[str, float], epoch: int, config: Train) -> None:
        """Counts a finished epoch. Raises DataError if it has no such metric."""
        if self.monitor not in metrics:
            raise DataError("train", f"monitor {self.monitor!r}", "isn't measured",
                            nearest(self.monitor, [name for name in metrics if name != "epoch"]))
        value = metrics[self.monitor]
        if self._improves(value, self.best, 0.0):
            self.best, self.best_epoch = value, epoch
        if config.early_stopping is not None:
            self._update_stop(value, config.early_stopping.min_delta, config.early_stopping.patience)
        if config.reduce_lr_on_plateau is not None:
            self._update_plateau(value, config)

    def _update_stop(self, value: float, min_delta: float, patience: int) -> None:
        if self._improves(value, self.stop_best, min_delta):
            self.stop_best, self.stop_wait = value, 0
            return
        self.stop_wait += 1
        self.stop_training = self.stop_wait >= patience

    def _update_plateau(self, value: float, config: Train) -> None:
        plateau = config.reduce_lr_on_plateau
        assert plateau is not None
        if self._improves(value, self.plateau_best, plateau.min_delta):
            self.plateau_best, self.plateau_wait = value, 0
            return
        self.plateau_wait += 1
        if self.plateau_wait >= plateau.patience:
            self.lr_factor, self.plateau_wait = max(plateau.min_lr_ratio, self.lr_factor * plateau.factor), 0

    def _improves(self, value: float, reference: float | None, min_delta: float) -> bool:
        if reference is None or math.isnan(value):
            return not math.isnan(value)
        return value > reference + min_delta if self.maximise else value < reference - min_delta
