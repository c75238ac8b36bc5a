"""Checkpoints: commits to `checkpoints/<name>` from which training goes on as if nothing had happened.

    checkpoints = Checkpoints(lake, "mnist", run="3f…")
    checkpoints.save(model, state)                # by the chief alone
    found = checkpoints.latest()                  # by the driver; its number goes to the ranks
    model, state = checkpoints.load(found.number)
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.lake import Lake, Version
from laketrain.train.saved import load_saved

if TYPE_CHECKING:
    import keras

_MODEL = "model.keras"
_FINISHED = "finished"


@dataclass
class State:
    """Where training stands: after `epochs` whole epochs and `step` steps of the next.

    Attributes:
        history: a row an epoch.
        times: for each epoch, the seconds that each rank waited and computed.
        judge: which epoch was best and what follows from it (`laketrain.train.judge`).
        ranks: of each rank, in the middle of an epoch, what it has counted and how far its random layers have come.
        rate: the learning rate that the schedule gave last. The optimizer has it, or what a callback set since.
    """

    epochs: int = 0
    step: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    times: list[list[dict[str, float]]] = field(default_factory=list)
    judge: dict[str, Any] = field(default_factory=dict)
    ranks: list[dict[str, Any]] = field(default_factory=list)
    rate: float | None = None


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training run: `run` is its identity, so another config never resumes from them. The
    newest `kept` of them stay, and that of the best epoch."""

    lake: Lake
    name: str
    run: str
    kept: int = 2

    def latest(self) -> Version | None:
        """The newest of this run."""
        return self.lake.table("checkpoints", self.name).find(self.run)

    def versions(self) -> list[int]:
        """The numbers of the checkpoints that are there, of this run and of others."""
        return self.lake.table("checkpoints", self.name).versions()

    def save(self, model: keras.Model, state: State, seconds: float = 0.0, best: int | None = None) -> Version:
        """Commits model, optimizer and state, and drops this run's older ones but for the last few and that of the
        epoch `best`."""
        table = self.lake.table("checkpoints", self.name)
        with table.stage() as draft, tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
            local = Path(folder) / _MODEL
            model.save(local)
            self.lake.store.put(str(local), draft.path(_MODEL))
            version = draft.commit(stage="train", fingerprint=self.run, meta=asdict(state), seconds=seconds)
        self._drop_all_but(self.kept, best)
        return version

    def after(self, epoch: int) -> Version | None:
        """That of this whole epoch, if it was kept."""
        return next((version for version in self.lake.table("checkpoints", self.name).find_all(self.run)
                     if _after_epoch(version) == epoch), None)

    def finish(self) -> None:
        """The model is committed: nobody will resume. What stays is an empty version, which keeps the table's number,
        and which the next training's takes the place of."""
        table = self.lake.table("checkpoints", self.name)
        with table.stage() as draft:
            mark = draft.commit(stage="train", fingerprint=_FINISHED)
        for version in [*table.find_all(self.run), *table.find_all(_FINISHED)]:
            if version.number < mark.number:
                table.drop(version.number)

    def _drop_all_but(self, kept: int, best_epoch: int | None = None) -> None:
        table = self.lake.table("checkpoints", self.name)
        for version in list(table.find_all(self.run))[kept:]:
            if best_epoch is None or _after_epoch(version) != best_epoch:
                table.drop(version.number)

    def load(self, number: int) -> tuple[keras.Model, State]:
        """The compiled model with its optimizer's state, and where it stood."""
        version = self.lake.table("checkpoints", self.name).get(number)
        return load_model(version, _MODEL), State(**version.entry.meta)


def _after_epoch(version: Version) -> int | None:
    """The whole epochs that it stands after; None in the middle of one."""
    meta = version.entry.meta
    return None if meta.get("step") else meta["epochs"]


def load_model(version: Version, path: str = _MODEL) -> keras.Model:
    """A Keras model out of a version. Raises LakeError where it is damaged, or could run code on loading."""
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        local = version.lake.store.get(version.path(path), folder)
        return load_saved(local, f"{version.ref}, {path}")
