"""Checks that the stages' splits exist, and the sections that a stage needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.workload.checks.texts import unknown

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """`train` needs `convert`; `evaluate` and `predict` need `train`; splits are those of the dataset."""
    train, convert = workload.train, workload.convert
    if train is not None and convert is None:
        yield Problem.at(("train",), "there is no 'convert' section, so no dataset to train on")
    for key in ("evaluate", "predict"):
        if getattr(workload, key) is not None and train is None:
            yield Problem.at((key,), "there is no 'train' section, so no model")
    if convert is None:
        return
    named = {("evaluate", "split"): workload.evaluate.split if workload.evaluate else None,
             ("train", "split"): train.split if train else None,
             ("train", "validation"): train.validation if train else None}
    for path, split in named.items():
        if split is not None and split not in convert.split.names:
            yield unknown(path, "split", split, convert.split.names)
