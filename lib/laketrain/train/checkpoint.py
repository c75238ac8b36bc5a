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

KEPT = 2
_MODEL = "model.keras"


@dataclass
class State:
    """Where training stands after `epochs` whole epochs. `history` has a row an epoch."""

    epochs: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training run: `run` is its identity, so another config never resumes from them."""

    lake: Lake
    name: str
    run: str

    def latest(self) -> Version | None:
        """The newest of this run."""
        return self.lake.table("checkpoints", self.name).find(self.run)

    def versions(self) -> list[int]:
        """The numbers of the checkpoints that are there, of this run and of others."""
        return self.lake.table("checkpoints", self.name).versions()

    def save(self, model: keras.Model, state: State, seconds: float = 0.0) -> Version:
        """Commits model, optimizer and state, and drops this run's older ones but for the last few."""
        table = self.lake.table("checkpoints", self.name)
        with table.stage() as draft, tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
            local = Path(folder) / _MODEL
            model.save(local)
            self.lake.store.put(str(local), draft.path(_MODEL))
            version = draft.commit(stage="train", fingerprint=self.run, meta=asdict(state), seconds=seconds)
        self._drop_all_but(KEPT)
        return version

    def finish(self) -> None:
        """The model is committed: nobody will resume. The newest stays, since its number is the table's."""
        self._drop_all_but(1)

    def _drop_all_but(self, kept: int) -> None:
        table = self.lake.table("checkpoints", self.name)
        for version in list(table.all_of(self.run))[kept:]:
            table.drop(version.number)

    def load(self, number: int) -> tuple[keras.Model, State]:
        """The compiled model with its optimizer's state, and where it stood."""
        version = self.lake.table("checkpoints", self.name).get(number)
        return load_model(version, _MODEL), State(**version.entry.meta)


def load_model(version: Version, path: str = _MODEL) -> keras.Model:
    """A Keras model out of a version. Raises LakeError where it is damaged, or could run code on loading."""
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        local = version.lake.store.get(version.path(path), folder)
        return load_saved(local, f"{version.ref}, {path}")
