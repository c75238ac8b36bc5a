"""Values, inputs and similar texts that are in two splits are leaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from laketrain.config.near_duplicates import NearDuplicateSettings
from laketrain.convert.leakage import Leak, find_leaks, find_near_duplicate_leaks
from laketrain.spark.frames import SPLIT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession



def test_a_key_and_inputs_in_two_splits_are_leaks_counted_by_pair(spark: SparkSession) -> None:
    rows = [(0, "p1", "x"), (0, "p2", "y"), (1, "p1", "z"), (2, "p1", "y"), (2, "p3", "y"), (-1, "p2", "x"),
            (1, None, "w"), (2, None, "v")]
    frame = spark.createDataFrame(rows, f"{SPLIT} int, patient string, scan string")
    result = find_leaks(frame, ["patient"], ["scan"], ("train", "val", "test"))
    assert result == [
        Leak("'patient'", ("train", "val"), 1, "p1"), Leak("'patient'", ("train", "test"), 1, "p1"),
        Leak("'patient'", ("val", "test"), 1, "p1"), Leak("the inputs", ("train", "test"), 1)]
    assert result[0].message == "'patient' leaks between train and val: 1 value, e.g. p1"
    assert find_leaks(frame, [], ["patient", "scan"], ("train", "val", "test")) == []


@pytest.mark.slow
def test_texts_that_are_almost_the_same_in_two_splits_are_leaks(spark: SparkSession) -> None:
    def text(number: int) -> str:
        return " ".join(f"{word}{number * 7919 % 1000}" for word in ("lake", "train", "rank", "lane", "row") * 3)

    texts = [(0, text(1)), (0, text(2)), (0, text(3)), (1, text(1) + " x"), (1, text(4)), (1, text(5)),
             (2, text(2).upper()), (2, text(2) + " y"), (2, text(6)), (-1, text(4)), (2, None), (0, "")]
    frame = spark.createDataFrame(texts, f"{SPLIT} int, body string")
    settings = NearDuplicateSettings(column="body")
    result = find_near_duplicate_leaks(frame, settings, ("train", "val", "test"))
    assert result == [Leak("nearly the same 'body'", ("train", "val"), 1),
                      Leak("nearly the same 'body'", ("train", "test"), 2)]
    train = frame.where(f"{SPLIT} = 0")
    assert find_near_duplicate_leaks(train, settings, ("train", "val", "test")) == []
