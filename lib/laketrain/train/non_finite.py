"""Finds the rows behind a non-finite loss.

    locate_rows(feed, world, epoch=0, step=3, batch=batch)
    # "; input 'size' is not finite in 1 of its rows, of features/…/part-00000.parquet (row group 2)"

If everything that the batch contains is finite, any of its rows may be the cause, or the model itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from laketrain.distributed import World
from laketrain.feed.feed import Feed

if TYPE_CHECKING:
    from laketrain.feed.tensors import Batch

MAX_FILES, MAX_GROUPS = 4, 8
"""No more are listed."""


def locate_rows(feed: Feed, world: World, epoch: int, step: int, batch: Batch) -> str:
    """A clause that names the row groups of the rank's batch, or only of its non-finite rows if there are any."""
    for subject, bad in _non_finite(batch):
        groups = feed.row_groups(world.rank, world.size, epoch, step, bad)
        return f"; {subject} is not finite in {int(bad.sum())} of its rows, of {format_row_groups(groups)}"
    return f", on rows of {format_row_groups(feed.row_groups(world.rank, world.size, epoch, step))}"


def _non_finite(batch: Batch) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """The tensors with values that aren't finite, each with a mask of its rows, (rank's batch,)."""
    inputs, targets, _, _ = batch
    tensors = {f"input {name!r}": values for name, values in inputs.items()}
    tensors.update({f"target {name!r}": values for name, values in targets.items()} if isinstance(targets, Mapping)
                   else {"the target": targets})
    for subject, tensor in tensors.items():
        values: npt.NDArray[Any] = tensor.numpy()
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any():
            yield subject, bad


def format_row_groups(files: Mapping[str, list[int]]) -> str:
    """`a.parquet (row groups 0, 3), b.parquet (row group 1)`, and how many more there are."""
    parts = [f"{path} ({_groups(groups)})" for path, groups in list(files.items())[:MAX_FILES]]
    return ", ".join(parts) + (f" and {len(files) - MAX_FILES} more files" if len(files) > MAX_FILES else "")


def _groups(groups: list[int]) -> str:
    more = f" and {len(groups) - MAX_GROUPS} more" if len(groups) > MAX_GROUPS else ""
    return f"row group{'s' if len(groups) > 1 else ''} {', '.join(map(str, groups[:MAX_GROUPS]))}{more}"
