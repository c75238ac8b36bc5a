"""The section `train`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.workload.train import Train


def train(**settings: Any) -> Train:
    return Train.model_validate({"model": {"name": "linear"}, **settings})


def test_a_number_of_ranks_is_its_own_range() -> None:
    assert (train(ranks=4).ranks.min, train(ranks=4).ranks.max) == (4, 4)
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(ValidationError):
            train(ranks=wrong)


def test_batch_and_rate_do_not_depend_on_the_ranks_by_default() -> None:
    one = train(batch=64, ranks={"min": 1, "max": 8})
    assert (one.on(8).batch, one.on(8).optimizer) == (64, one.optimizer)
    assert (one.on(8).ranks.min, one.on(8).ranks.max) == (8, 8)


def test_scaling_multiplies_batch_and_rate_by_the_ranks() -> None:
    scaled = train(batch=64, ranks=4, scaling={"batch": "linear", "rate": "sqrt"}).on(4)
    assert scaled.batch == 256
    assert scaled.optimizer.learning_rate == pytest.approx(0.002)
    with pytest.raises(ValidationError):
        train(ranks={"min": 1, "max": 2}, scaling={"batch": "linear"})


def test_lanes_are_chosen_for_the_batch_unless_declared() -> None:
    assert (train(batch=64).lane_count, train(batch=24).lane_count, train(batch=64, lanes=4).lane_count) == (16, 12, 4)


def test_the_best_epoch_is_committed_if_there_is_a_validation_split() -> None:
    assert train().commits_best
    assert not train(validation=None).commits_best
    assert not train(restore_best=False).commits_best


def test_functions_of_the_user_have_the_keys_that_name_them() -> None:
    calls = train(callbacks=["mine:log"], step="mine:step", loss={"use": "mine:loss"}).calls
    assert calls == {"mine:loss": "loss", "mine:log": "callbacks", "mine:step": "step"}


@pytest.mark.parametrize(("source", "is_model"), [
    ("models/mnist", True), ("models/mnist@3", True), ("s3://bucket/a.keras", True), ("model/mnist", False),
    ("models/mnist@0", False),
])
def test_training_continues_from_a_model_or_a_keras_file(source: str, is_model: bool) -> None:
    if is_model:
        assert train(init_from=source).init_from == source
    else:
        with pytest.raises(ValidationError):
            train(init_from=source)
