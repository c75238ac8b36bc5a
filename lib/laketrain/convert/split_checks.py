"""Checks of splits by a column with few values: rows of one value stay together, so a split may get one value or none.

    refuse_empty("mnist", {"train": 120, "val": 0}, rows, split)     # DataError, with the number of values
    single_value_warnings(results, {"train": 90, "val": 30}, split)  # ["all 30 rows of val share one value of 'kind'…"]

A split with a single value only measures how well a model does on that value, which training never sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from laketrain.config.convert import Split
from laketrain.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from laketrain.convert.writer import TaskResult

_ENOUGH = 2


def add_split_values(by_split: dict[str, list[str]], split: str, values: pa.Array, mask: npt.NDArray[np.bool_]) -> None:
    """Adds the `values` of rows where `mask`, (n,), is true to those of the split, until it has two."""
    before = by_split.setdefault(split, [])
    if len(before) < _ENOUGH:
        more = (str(value) for value in pc.unique(values.filter(pa.array(mask))).slice(0, _ENOUGH).to_pylist())
        by_split[split] = list(dict.fromkeys([*before, *more]))[:_ENOUGH]


def single_value_warnings(results: Iterable[TaskResult], sizes: Mapping[str, int], split: Split) -> list[str]:
    """A warning for each split whose rows all share one value of `split.by`, if the splits together have more."""
    values: dict[str, set[str]] = {name: set() for name in sizes}
    for result in results:
        for name, some in result.split_values.items():
            values[name].update(some)
    if len(set().union(*values.values())) < _ENOUGH:
        return []
    return [f"all {sizes[name]:,} rows of {name} share one value of {split.by!r}, by which 'convert.split' draws"
            for name, distinct in values.items() if len(distinct) == 1 and sizes[name] > 1]


def refuse_empty(dataset: str, sizes: Mapping[str, int], rows: DataFrame, split: Split) -> None:
    """Raises DataError with the cause if a split has no row."""
    empty = [name for name, count in sizes.items() if not count]
    if not empty:
        return
    why, hint = "", "raise that fraction in 'convert.split', or land more rows"
    if split.by is not None and split.fractions is not None:
        from laketrain.spark.frames import quoted

        count = rows.select(quoted(split.by)).distinct().count()
        why = f": {split.by!r} has {count:,} different values, and rows of one value stay together"
        hint = "split by a column with more values, such as the rows' key, raise that fraction, or land more rows"
    raise DataError("convert", f"dataset {dataset!r}", f"got 0 rows in {', '.join(empty)} (all: {dict(sizes)}){why}",
                    hint)
