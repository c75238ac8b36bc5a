"""Which rows a loss that is no number came from, reckoned when it has come.

    told(feed, world, epoch=0, step=3, batch=batch)
    # "; input 'size' is not finite in 1 of its rows, of features/…/part-00000.parquet (row group 2)"

Where all that came in is finite, the fault may lie in any row of the batch, or in what the model made of them.
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

FILES, GROUPS = 4, 8
"""As many are listed."""


def told(feed: Feed, world: World, epoch: int, step: int, batch: Batch) -> str:
    """The clause that names the row groups of the rank's batch, or of those rows in it that hold no number."""
    for what, bad in _not_finite(batch):
        found = feed.row_groups(world.rank, world.size, epoch, step, bad)
        return f"; {what} is not finite in {int(bad.sum())} of its rows, of {listed(found)}"
    return f", on rows of {listed(feed.row_groups(world.rank, world.size, epoch, step))}"


def _not_finite(batch: Batch) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """What holds numbers that are none, and in which rows, (rank's batch,)."""
    inputs, targets, _, _ = batch
    named = {f"input {name!r}": values for name, values in inputs.items()}
    named.update({f"target {name!r}": values for name, values in targets.items()} if isinstance(targets, Mapping)
                 else {"the target": targets})
    for what, tensor in named.items():
        values: npt.NDArray[Any] = tensor.numpy()
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any():
            yield what, bad


def listed(found: Mapping[str, list[int]]) -> str:
    """`a.parquet (row groups 0, 3), b.parquet (row group 1)`, and how many more there are."""
    parts = [f"{path} ({_groups(groups)})" for path, groups in list(found.items())[:FILES]]
    return ", ".join(parts) + (f" and {len(found) - FILES} more files" if len(found) > FILES else "")


def _groups(groups: list[int]) -> str:
    more = f" and {len(groups) - GROUPS} more" if len(groups) > GROUPS else ""
    return f"row group{'s' if len(groups) > 1 else ''} {', '.join(map(str, groups[:GROUPS]))}{more}"
