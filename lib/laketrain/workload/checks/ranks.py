"""Checks that batch, lanes, ranks and Spark's slots fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.spark import local_slots
from laketrain.config.train import Ranks, ranks_of
from laketrain.errors import Problem

if TYPE_CHECKING:
    from laketrain.workload.train import Train
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Lanes must divide the batch, ranks must divide the lanes, and a local Spark needs a slot for each rank."""
    train, master = workload.train, workload.spark.master
    if train is None or workload.convert is None:
        return
    yield from _lanes(train)
    slots = local_slots(master)
    if slots is not None and train.ranks.min > slots:
        yield Problem.at(("train", "ranks"), f"{train.ranks.min} ranks, but Spark ({master}) has {slots} slots",
                         f"Lower ranks to {slots} or give Spark local[{train.ranks.min}]")


def _lanes(train: Train) -> Iterator[Problem]:
    scaled = train.on(train.ranks.max)
    lanes = scaled.lane_count
    if lanes < 1 or scaled.batch % lanes:
        yield Problem.at(("train", "lanes"), f"{lanes} lanes don't divide the batch of {scaled.batch}",
                         "Choose a divisor of the batch, or 'auto'")
    elif train.augment is not None and train.augment.mixes and scaled.batch == lanes:
        yield Problem.at(("train", "augment"), f"rows are mixed within a lane, but each of the {lanes} lanes of a "
                         f"batch of {lanes} has only one row", f"Use fewer lanes, or a batch of {2 * lanes} or more")
    elif not ranks_of(lanes, train.ranks):
        fitting = ", ".join(str(n) for n in ranks_of(lanes, Ranks(min=1, max=lanes)))
        yield Problem.at(("train", "ranks"), f"{_format(train.ranks)} don't divide the {lanes} lanes of a batch of "
                         f"{scaled.batch}", f"With this batch, ranks may be {fitting}")


def _format(ranks: Ranks) -> str:
    return f"{ranks.min} ranks" if ranks.min == ranks.max else f"{ranks.min} to {ranks.max} ranks"
