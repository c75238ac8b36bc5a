"""The learning rate of each step: a function of the declared schedule, the step and the length of training.

    learning_rate_at(optimizer, update=120, updates=1000, per_epoch=100)     # 0.00098

Keras' schedules live inside the optimizer and follow its own count. Set from outside, any schedule works with any
optimizer, a saved model needs no class of ours, and a resumed run asks for its current step.
"""

from __future__ import annotations

import math

from laketrain.config.optimizer import Optimizer


def learning_rate_at(optimizer: Optimizer, update: int, updates: int, per_epoch: float) -> float:
    """The learning rate of an update of the weights.

    Args:
        update: its number, from 0. updates: their number in the whole training. per_epoch: their number in an epoch.
    """
    schedule, base = optimizer.schedule, optimizer.learning_rate
    warmup = schedule.warmup * per_epoch
    if update < warmup:
        return base * (update + 1) / (warmup + 1)
    done = update - warmup
    share = min(1.0, done / max(1.0, updates - warmup))
    if schedule.name == "cosine":
        return base * (schedule.end + (1 - schedule.end) * (1 + math.cos(math.pi * share)) / 2)
    if schedule.name == "linear":
        return base * (schedule.end + (1 - schedule.end) * (1 - share))
    if schedule.name == "exponential":
        return base * math.pow(schedule.decay, done / per_epoch)
    if schedule.name == "steps":
        return base * math.pow(schedule.decay, sum(update >= epoch * per_epoch for epoch in schedule.at))
    return base
