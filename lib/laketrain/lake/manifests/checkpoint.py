"""The manifest of versions in `checkpoints/`: train writes it, and resumes from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest

if TYPE_CHECKING:
    from typing_extensions import Self

# Names that checkpoints of earlier versions used.
_FORMER = {"judge": "monitor", "rate": "learning_rate"}
_FORMER_OF_RANKS = {"chance": "random_states"}


class CheckpointManifest(Manifest):
    """The progress of a training: `epochs` whole epochs and `step` steps of the next.

    Attributes:
        history, times: a row for each whole epoch (see `ModelManifest`).
        monitor: the state of `train.early_stopping.EpochMonitor`.
        ranks: in the middle of an epoch, each rank's `random_states` of its layers, and `sums` of its metrics; else
            empty.
        learning_rate: the last one that the schedule set; None before the first step.
    """

    epochs: int = 0
    step: int = 0
    history: list[dict[str, Any]] = Field(default_factory=list)
    times: list[list[dict[str, Any]]] = Field(default_factory=list)
    monitor: dict[str, Any] = Field(default_factory=dict)
    ranks: list[dict[str, Any]] = Field(default_factory=list)
    learning_rate: int | float | None = None

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> Self:
        """Also reads the keys of an earlier version."""
        values = _renamed(meta, _FORMER)
        if values.get("ranks"):
            values["ranks"] = [_renamed(rank, _FORMER_OF_RANKS) for rank in values["ranks"]]
        return super().from_meta(values)

    @property
    def finished_epoch(self) -> int | None:
        """The number of whole epochs before the checkpoint; None in the middle of an epoch."""
        return None if self.step else self.epochs


def _renamed(values: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, Any]:
    return {former.get(name, name): value for name, value in values.items()}
