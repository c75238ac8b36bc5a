"""Errors of pydantic become problems with the location, the received value and the nearest name."""

from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from laketrain.config.base import Section
from laketrain.config.language.document import Document
from laketrain.config.language.problems import explain
from laketrain.errors import Problem


class Inner(Section):
    epochs: int = Field(default=1, ge=1)
    lanes: int | str = 1


class Outer(Section):
    train: Inner = Inner()
    names: list[str] = Field(default_factory=list)


def problem(text: str) -> Problem:
    document = Document.parse(text, "conf.yaml")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    [result] = explain(caught.value, Outer, document)
    return result


def test_an_unknown_key_has_the_nearest_one_and_its_line() -> None:
    result = problem("names: []\ntrain:\n  epoch: 3\n")
    assert (result.where, result.line) == ("train.epoch", 3)
    assert "'epochs'" in result.hint


@pytest.mark.parametrize(("text", "where"), [
    ("train: {epochs: 0}", "train.epochs"), ("train: {epochs: many}", "train.epochs"), ("train: 3", "train"),
    ("names: [1]", "names.0"), ("names: one", "names")])
def test_a_wrong_value_has_its_location(text: str, where: str) -> None:
    assert problem(text).where == where


def test_a_union_has_one_problem() -> None:
    assert problem("train: {lanes: [1]}").where == "train.lanes"
