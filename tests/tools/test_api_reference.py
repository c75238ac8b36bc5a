"""The page of the Python API: which members of a class it lists, and how."""

from __future__ import annotations

import re

import pytest

import api_reference

PAGE = api_reference.reference()


def members(name: str) -> dict[str, str]:
    """Declaration or call -> description, of the class on the page."""
    [section] = re.findall(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^\| `(.*)` \| (.*) \|$", section, re.MULTILINE))


@pytest.mark.parametrize(("name", "declaration"), [
    ("Task", "losses: tuple[str, ...] = ()"), ("Task", "headline: Headline"),
    ("Task", r"activation: str \| None = None"), ("Stage", "zone: str"), ("TrainStep", "autograph: bool = True"),
    ("Model", "takes: tuple[str, ...] = ()"), ("Feature", "fit_first: bool = False")])
def test_a_class_attribute_has_its_type_its_default_and_its_docstring(name: str, declaration: str) -> None:
    assert members(name)[declaration].endswith(".")


def test_a_field_has_its_docstring() -> None:
    assert members("Workload")["name: Name"] == "The name of the dataset, the model and the runs in the lake."


def test_a_default_that_is_no_literal_is_left_out() -> None:
    assert {"spark: Spark", "plugins: list[str]"} <= set(members("Workload"))


def test_methods_follow_the_attributes() -> None:
    names = [re.split(r"[:(]", member)[0] for member in members("Stage")]
    assert names == ["name", "help", "zone", "key", "after", "section", "settings", "declared", "problems", "tables",
                     "plan"]


def test_what_pydantic_adds_is_left_out() -> None:
    assert not any("model_" in member for member in members("Workload"))
