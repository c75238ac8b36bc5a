from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import Label

DIGIT = Label(column="digit", classes=10)
ANIMAL = Label(column="animal", names=("cat", "dog"))


@pytest.mark.parametrize("column", [
    pa.array([0, 9, 3], pa.int8()), pa.array([0, 9, 3], pa.uint64()), pa.array([0.0, 9.0, 3.0]),
], ids=lambda column: str(column.type))
def test_whole_numbers_of_any_type_become_int64(column: pa.Array) -> None:
    assert DIGIT.check(column).null_count == 3
    assert DIGIT.encode(column).type == pa.int64()
    assert DIGIT.tensor(column).tolist() == [0, 9, 3]


def test_true_and_false_are_two_classes() -> None:
    assert Label(column="fraud", classes=2).tensor(pa.array([True, False])).tolist() == [1, 0]


def test_names_become_their_index() -> None:
    assert ANIMAL.tensor(pa.array(["dog", "cat", "dog"])).tolist() == [1, 0, 1]


@pytest.mark.parametrize(("label", "value", "reason"), [
    (DIGIT, None, "is null"),
    (DIGIT, 10.0, "is class 10, expected 0..9"),
    (DIGIT, -1.0, "is class -1, expected 0..9"),
    (DIGIT, float("nan"), "is not a number (NaN)"),
    (DIGIT, float("inf"), "is class inf, expected 0..9"),
    (DIGIT, 2.5, "is not a whole number"),
    (ANIMAL, None, "is null"),
    (ANIMAL, "cow", "is 'cow', not one of the 2 names"),
    (ANIMAL, "x" * 99, f"is '{'x' * 40}', not one of the 2 names"),
])
def test_a_value_that_is_not_a_class_has_a_reason(label: Label, value: object, reason: str) -> None:
    good = 1.0 if label is DIGIT else "cat"
    assert label.check(pa.array([good, value, good])).to_pylist() == [None, reason, None]


@pytest.mark.parametrize(("label", "column"), [(DIGIT, pa.array(["1"])), (ANIMAL, pa.array([1]))])
def test_a_column_of_the_wrong_type_is_refused_with_a_hint(label: Label, column: pa.Array) -> None:
    with pytest.raises(DataError, match="names|classes"):
        label.check(column)


@pytest.mark.parametrize(("fields", "message"), [
    ({}, "got neither"),
    ({"classes": 2, "names": ["a", "b"]}, "got both"),
    ({"classes": 1}, "greater than or equal to 2"),
    ({"classes": "10"}, "valid integer"),
    ({"names": ["a", 1]}, "expected text, got 1"),
    ({"names": ["a", "b", "a"]}, "'a' more than once"),
    ({"classes": 2, "klasses": 3}, "klasses"),
])
def test_a_wrong_declaration_is_explained(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Label.model_validate({"column": "digit", **fields})


def test_the_rows_of_each_class_are_counted_over_parts_of_the_split() -> None:
    parts = [ANIMAL.tally(pa.array(part)) for part in (["dog", "cat"], ["dog"], ["cat", "dog"])]
    learnt = ANIMAL.fit({key: sum(part[key] for part in parts) for key in parts[0]}).statistics
    assert learnt is not None
    assert learnt.rows == (2, 3)


def test_a_train_split_of_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="has 1 of 10 classes"):
        DIGIT.fit(DIGIT.tally(pa.array([3, 3, 3])))


def test_classes_have_their_names_or_numbers() -> None:
    assert (ANIMAL.count, ANIMAL.labels) == (2, ("cat", "dog"))
    assert DIGIT.labels[:2] == ("0", "1")
