"""The settings of the Spark session."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from laketrain.config.spark import Spark, local_slots


@pytest.mark.parametrize("master", [
    "local", "local[4]", "local[*]", "local[4, 2]", "yarn", "spark://host:7077", "k8s://https://host:443"])
def test_masters_of_spark_are_accepted(master: str) -> None:
    assert Spark(master=master).master == master


@pytest.mark.parametrize("master", ["local[0]", "local[x]", "localhost", "mesos://host", ""])
def test_other_masters_are_refused(master: str) -> None:
    with pytest.raises(ValidationError):
        Spark(master=master)


@pytest.mark.parametrize(("master", "slots"), [
    (None, None), ("yarn", None), ("local", 1), ("local[4]", 4), ("local[4, 2]", 4), ("local[*]", os.cpu_count())])
def test_a_local_master_has_a_known_number_of_slots(master: str | None, slots: int | None) -> None:
    assert local_slots(master) == slots
