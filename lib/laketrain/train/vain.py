"""Settings that a training is too short for: they are said before it begins, since nothing else would show it.

    list(in_vain(config, rows=203))      # ["early_stopping: 9 epochs of patience have no effect in a training of 5"]
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from laketrain.train.groups import updates_of
from laketrain.workload import Train


def in_vain(config: Train, rows: int) -> Iterator[str]:
    """What comes to nothing, or to less than it says, in an epoch of so many rows and so many epochs."""
    optimizer, epochs = config.optimizer, config.epochs
    schedule, steps = optimizer.schedule, math.ceil(rows / config.batch)
    updates = epochs * updates_of(steps, optimizer.accumulate)
    if schedule.warmup > epochs:
        yield f"optimizer.schedule: a warmup of {schedule.warmup:g} epochs never reaches the learning rate in {epochs}"
    elif schedule.name != "constant" and schedule.warmup >= epochs:
        yield (f"optimizer.schedule: a warmup of {schedule.warmup:g} epochs leaves no time in {epochs} for the "
               f"{schedule.name} schedule")
    if schedule.at and min(schedule.at) >= epochs:
        yield f"optimizer.schedule: the rate would fall after epoch {min(schedule.at):g}, and there are {epochs}"
    if optimizer.accumulate > steps:
        yield (f"optimizer.accumulate: an epoch has {steps} batches, fewer than the {optimizer.accumulate} of a step: "
               "the weights take one step an epoch")
    if optimizer.ema is not None and 1 / (1 - optimizer.ema) > updates:
        yield (f"optimizer.ema: a mean over about {1 / (1 - optimizer.ema):.0f} steps stays near the first weights in "
               f"a training of {updates}")
    for name in ("early_stopping", "reduce_lr_on_plateau"):
        section = getattr(config, name)
        if section is not None and section.patience + 1 >= epochs:
            yield f"{name}: {section.patience} epochs of patience have no effect in a training of {epochs}"
