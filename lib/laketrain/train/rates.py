"""The learning rate of each step, as a number: of the declared schedule, the step and the length of training alone.

    rate_at(optimizer, update=120, updates=1000, per_epoch=100)     # 0.00098

Keras keeps a schedule inside the optimizer, counted by the optimizer. Set from outside, any schedule goes with any
optimizer, whoever loads the model needs no class of ours, and a resumed run asks for the step it is at.
"""

from __future__ import annotations

import math

from laketrain.config.optimizer import Optimizer


def rate_at(optimizer: Optimizer, update: int, updates: int, per_epoch: float) -> float:
    """The rate of the step of the weights number `update`, from 0, of `updates` in the whole training.

    Args:
        per_epoch: such steps in an epoch.
    """
    schedule, base = optimizer.schedule, optimizer.learning_rate
    warm = schedule.warmup * per_epoch
    if update < warm:
        return base * (update + 1) / (warm + 1)
    done = update - warm
    share = min(1.0, done / max(1.0, updates - warm))
    if schedule.name == "cosine":
        return base * (schedule.end + (1 - schedule.end) * (1 + math.cos(math.pi * share)) / 2)
    if schedule.name == "linear":
        return base * (schedule.end + (1 - schedule.end) * (1 - share))
    if schedule.name == "exponential":
        return base * math.pow(schedule.decay, done / per_epoch)
    if schedule.name == "steps":
        return base * math.pow(schedule.decay, sum(update >= epoch * per_epoch for epoch in schedule.at))
    return base
