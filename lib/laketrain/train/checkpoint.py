"""Checkpoints: commits to `checkpoints/<name>` from which training resumes as if it had never stopped.

    checkpoints = Checkpoints(lake, "mnist", run="3f…")
    checkpoints.save(networks, state)             # on rank 0 only
    version = checkpoints.latest()                # on the driver, which sends its number to the ranks
    networks, state = checkpoints.load(version.number)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from laketrain.lake import Lake, Version
from laketrain.lake.manifests import CheckpointManifest
from laketrain.models.networks import Networks
from laketrain.models.saving import load_networks, save_networks

_FINISHED = "finished"


@dataclass
class State:
    """The progress of a training: `epochs` whole epochs and `step` steps of the next.

    Attributes:
        history: a row for each epoch.
        times: for each epoch, the seconds that each rank waited and computed.
        monitor: the state of `laketrain.train.early_stopping.EpochMonitor`.
        ranks: in the middle of an epoch, each rank's metric sums and the random states of its layers.
        learning_rate: the last one that the schedule set. A callback may have changed the optimizer's since.
    """

    epochs: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    times: list[list[dict[str, float]]] = field(default_factory=list)
    monitor: dict[str, Any] = field(default_factory=dict)
    ranks: list[dict[str, Any]] = field(default_factory=list)
    learning_rate: float | None = None

    @classmethod
    def of(cls, checkpoint: CheckpointManifest) -> State:
        """The state in a checkpoint's manifest."""
        return cls(**dict(checkpoint))

    @property
    def manifest(self) -> CheckpointManifest:
        """What its checkpoint records."""
        return CheckpointManifest(**vars(self))


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        run: identifies the training, so that another config never resumes from its checkpoints.
        kept: how many of the newest are kept, next to that of the best epoch.
    """

    lake: Lake
    name: str
    run: str
    kept: int = 2

    def latest(self) -> Version | None:
        """The newest of this run."""
        return self.lake.table("checkpoints", self.name).find(self.run)

    def versions(self) -> list[int]:
        """The numbers of all checkpoints in the table, of other runs too."""
        return self.lake.table("checkpoints", self.name).versions()

    def save(self, networks: Networks, state: State, seconds: float = 0.0, best: int | None = None) -> Version:
        """Commits networks, optimizers and state, and drops this run's older checkpoints except the last few and that
        of epoch `best`."""
        table = self.lake.table("checkpoints", self.name)
        with table.stage() as draft:
            save_networks(networks, self.lake.store, draft.path())
            version = draft.commit(stage="train", fingerprint=self.run, meta=state.manifest.to_meta(), seconds=seconds)
        self._drop_all_but(self.kept, best)
        return version

    def after(self, epoch: int) -> Version | None:
        """The checkpoint at the end of `epoch`, if it was kept."""
        return next((version for version in self.lake.table("checkpoints", self.name).find_all(self.run)
                     if CheckpointManifest.of(version).finished_epoch == epoch), None)

    def finish(self) -> None:
        """Drops the run's checkpoints once the model is committed. An empty version remains, which keeps the table's
        numbering; the next training's replaces it."""
        table = self.lake.table("checkpoints", self.name)
        with table.stage() as draft:
            mark = draft.commit(stage="train", fingerprint=_FINISHED)
        for version in [*table.find_all(self.run), *table.find_all(_FINISHED)]:
            if version.number < mark.number:
                table.drop(version.number)

    def _drop_all_but(self, kept: int, best_epoch: int | None = None) -> None:
        table = self.lake.table("checkpoints", self.name)
        for version in list(table.find_all(self.run))[kept:]:
            if best_epoch is None or CheckpointManifest.of(version).finished_epoch != best_epoch:
                table.drop(version.number)

    def load(self, number: int) -> tuple[Networks, State]:
        """The compiled networks with their optimizers' states, and the training's progress."""
        version = self.lake.table("checkpoints", self.name).get(number)
        return load_networks(version), State.of(CheckpointManifest.of(version))
