"""Splits of few drawn values: rows of one value never part, so of four values a split may get one, or none.

    refuse_empty("mnist", {"train": 120, "val": 0}, rows, split)     # DataError, with how many values there are
    narrow(results, {"train": 90, "val": 30}, split)                 # ["all 30 rows of val share one value of 'kind'…"]

A split of a single value says how well a model does on that value alone, which training never sees.
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


def note_drawn(drawn: dict[str, list[str]], split: str, values: pa.Array, mine: npt.NDArray[np.bool_]) -> None:
    """Adds to the split's drawn values those of the rows that are `mine`, (n,), until there are two."""
    known = drawn.setdefault(split, [])
    if len(known) < _ENOUGH:
        found = (str(value) for value in pc.unique(values.filter(pa.array(mine))).slice(0, _ENOUGH).to_pylist())
        drawn[split] = list(dict.fromkeys([*known, *found]))[:_ENOUGH]


def narrow(results: Iterable[TaskResult], sizes: Mapping[str, int], split: Split) -> list[str]:
    """What is to be said of splits of several rows that share one drawn value, where others have more."""
    values: dict[str, set[str]] = {name: set() for name in sizes}
    for result in results:
        for name, own in result.drawn.items():
            values[name].update(own)
    if len(set().union(*values.values())) < _ENOUGH:
        return []
    return [f"all {sizes[name]:,} rows of {name} share one value of {split.by!r}, by which 'convert.split' draws"
            for name, own in values.items() if len(own) == 1 and sizes[name] > 1]


def refuse_empty(dataset: str, sizes: Mapping[str, int], rows: DataFrame, split: Split) -> None:
    """Raises DataError where a split has no row, with the cause."""
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
