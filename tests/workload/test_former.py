"""Keys that were renamed: a file is pointed to the new one, and what is in a lake is read as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from laketrain.errors import Problem
from laketrain.workload import Train
from laketrain.workload.former import current_train, former_train


@pytest.mark.parametrize(("setting", "where", "hint"), [
    ("train.again={rows: 0.1}", "train.again", "'retrain_when'"),
    ("train.plateau={patience: 3}", "train.plateau", "'reduce_lr_on_plateau'"),
    ("train.reduce_lr_on_plateau={least: 0.1}", "train.reduce_lr_on_plateau.least", "'min_lr_ratio'"),
    ("train.keep=last", "train.keep", "restore_best: true for the best epoch, false for the last"),
    ("train.optimizer.wire=float16", "train.optimizer.wire", "'gradient_dtype'"),
    ("convert.leaks={keys: [digit_id]}", "convert.leaks", "'leakage'"),
])
def test_a_former_key_is_refused_with_its_new_name(digits: str, problems: Callable[..., list[Problem]], setting: str,
                                                   where: str, hint: str) -> None:
    [problem] = problems(digits, [setting])
    assert problem.where.endswith(where)
    assert problem.problem == f"unknown key {where.rpartition('.')[2]!r}"
    assert hint in problem.hint


@pytest.mark.parametrize("settings", [
    {}, {"restore_best": False, "retrain_when": {"days": 1.0}},
    {"reduce_lr_on_plateau": {"min_lr_ratio": 0.1}, "optimizer": {"gradient_dtype": "float16"}}])
def test_the_section_of_an_old_model_is_read_under_its_former_keys(settings: dict[str, object]) -> None:
    train = Train.model_validate({"model": {"name": "linear"}, **settings})
    dump = train.model_dump(mode="json")
    former = former_train(dump)
    assert {"again", "plateau", "keep"} < former.keys() and "wire" in former["optimizer"]
    assert current_train(former) == current_train(dump) == dump
    assert Train.model_validate(current_train(former)) == train
