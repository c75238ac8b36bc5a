"""Class labels: integers, or names as indices; int64 scalars for Keras.

    features:
      label: {kind: label, column: digit, classes: 10}
      animal: {kind: label, column: animal, names: [cat, dog]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from laketrain.errors import DataError
from laketrain.features.base import Scalar, Target, nulls, reasons


def distinct_names(value: Any) -> Any:
    """A YAML list of distinct texts as a tuple. Raises ValueError for any other list."""
    if not isinstance(value, (list, tuple)):
        return value
    others = [name for name in value if not isinstance(name, str)]
    if others:
        raise ValueError(f"expected text, got {others[0]!r}; put it in quotes, or use `classes:` for numbers")
    repeated = sorted({name for name in value if value.count(name) > 1})
    if repeated:
        raise ValueError(f"each name once, got {repeated[0]!r} more than once")
    return tuple(value)


class LabelStatistics(BaseModel):
    """Rows of each class in the train split, by index."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    rows: Annotated[tuple[int, ...], BeforeValidator(tuple)]


class Label(Target, Scalar):
    """A class index 0 … classes - 1. Give `classes` for a column of numbers, `names` for one of strings."""

    is_class_index: ClassVar[bool] = True

    kind: Literal["label"] = "label"
    role: Literal["target", "input"] = "target"
    """Whether it is a target or an input of the model."""
    classes: int | None = Field(default=None, ge=2)
    """For a column of numbers: the number of classes; they are 0 … classes - 1."""
    names: Annotated[tuple[str, ...] | None, BeforeValidator(distinct_names)] = Field(default=None, min_length=2)
    """For a column of text: the classes, each once, in the order of their indices."""
    statistics: LabelStatistics | None = None
    """Fitted by convert."""

    @model_validator(mode="after")
    def _check_classes(self) -> Label:
        if (self.classes is None) == (self.names is None):
            got = "neither" if self.classes is None else "both"
            raise ValueError(f"give either `classes` (numbers from 0) or `names` (a list of strings); got {got}")
        return self

    @property
    def count(self) -> int:
        """Number of classes."""
        return len(self.names) if self.names is not None else int(self.classes or 0)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return self.names or tuple(str(index) for index in range(self.count))

    @property
    def cardinality(self) -> int:
        return self.count

    @property
    def class_labels(self) -> tuple[str, ...]:
        return self.labels

    @property
    def train_class_counts(self) -> tuple[int, ...] | None:
        return None if self.statistics is None else self.statistics.rows

    def class_counts(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        return np.bincount(values, minlength=self.count)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.int64()

    def balanced(self) -> tuple[float, ...]:
        """Class weights by which all classes of the train split have the same sum; a row's mean weight is 1.

        Raises:
            DataError: the feature isn't fitted.
        """
        if self.statistics is None:
            raise DataError("features", self.subject, "isn't fitted yet, so its classes have no weights",
                            "take the features of a converted dataset")
        rows = self.statistics.rows
        mean = sum(rows) / sum(count > 0 for count in rows)
        return tuple(mean / count if count else 0.0 for count in rows)

    def check(self, column: pa.Array) -> pa.Array:
        return self._check_numbers(column) if self.names is None else self._check_names(column)

    def pack(self, column: pa.Array) -> pa.Array:
        if self.names is None:
            return column.cast(pa.int64())
        return pc.index_in(column.cast(pa.string()), value_set=pa.array(self.names)).cast(pa.int64())

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        if stored.null_count:
            raise DataError("feed", self.subject, f"{stored.null_count} of {len(stored)} stored labels are null",
                            "convert the dataset again")
        return np.asarray(stored.cast(pa.int64()).to_numpy(zero_copy_only=False))

    def caption(self, value: Any) -> str:
        return self.labels[int(value)]

    def tally(self, column: pa.Array) -> dict[str, int]:
        rows = np.bincount(self.pack(column).to_numpy(zero_copy_only=False), minlength=self.count)
        return {str(index): int(count) for index, count in enumerate(rows)}

    def fit(self, values: Mapping[str, Any]) -> Label:
        rows = tuple(int(values.get(str(index), 0)) for index in range(self.count))
        present = sum(count > 0 for count in rows)
        if present < 2:
            raise DataError("convert", self.subject, f"the train split has {present} of {self.count} classes",
                            "look at the source and at the split: a model needs at least 2")
        return self.model_copy(update={"statistics": LabelStatistics(rows=rows)})

    def _check_numbers(self, column: pa.Array) -> pa.Array:
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise self.wrong_type(column, "whole numbers (for strings, list them as `names`)")
        numbers = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
        values = np.asarray(numbers.fill_null(0).to_numpy(zero_copy_only=False))
        with np.errstate(invalid="ignore"):
            outside = (values < 0) | (values >= self.count)
            fractional = values != np.floor(values)
        text = pc.binary_join_element_wise("is class ", numbers.cast(pa.string()),
                                           f", expected 0..{self.count - 1}", "")
        return reasons(len(column), (nulls(column), "is null"), (np.isnan(values), "is not a number (NaN)"),
                       (outside, text), (fractional, "is not a whole number"))

    def _check_names(self, column: pa.Array) -> pa.Array:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise self.wrong_type(column, "strings (for numbers, give `classes`)")
        texts = column.cast(pa.string())
        unknown = ~np.asarray(pc.is_in(texts, value_set=pa.array(self.names)).to_numpy(zero_copy_only=False))
        text = pc.binary_join_element_wise("is '", pc.utf8_slice_codeunits(texts, 0, 40),
                                           f"', not one of the {self.count} names", "")
        return reasons(len(column), (nulls(column), "is null"), (unknown, text))
