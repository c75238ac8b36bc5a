"""A training whose ranks are killed, in a step or while they save, ends with the bits of an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World
from laketrain.events import Event, Restarted, StepEnded
from laketrain.lake import Version
from laketrain.train import fingerprint_train, train
from laketrain.train import stage as stage_module
from laketrain.train.fit import FitTask, fit
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
RANKS, STEPS = 2, 7  # an epoch's, with the tiny dataset's rows
# All that has a state of its own: dropout, views, accumulated gradients, moments, moving means, the verdict.
SETTINGS: dict[str, Any] = {
    "model": {"name": "mlp", "hidden": [8], "dropout": 0.3}, "ranks": RANKS, "epochs": 8, "batch": 32, "seed": 3,
    "augment": {"shift": 1}, "checkpoint_steps": 2, "deadline_s": 120, "reduce_lr_on_plateau": {"patience": 1},
    "optimizer": {"name": "adam", "learning_rate": 0.02, "accumulate": 2, "schedule": "cosine"}}

# The instants of saving, and how often a rank may reach each of them before it is killed there.
IN_SAVING = {"half of the model is written": 1, "before a file gets its name": 6, "after a file got its name": 6,
             "before an old checkpoint goes": 1}
A_STEP = "a step"


@dataclass(frozen=True)
class Instant:
    """The `count`-th time since its launch that `rank` does `action`."""

    rank: int
    action: str
    count: int


FEW = [Instant(1, A_STEP, 3), Instant(0, "half of the model is written", 1), Instant(0, "after a file got its name", 4)]


def draw_instants(seed: int) -> list[Instant]:
    """Ten: six after any of the next steps of any rank, and one for each action of saving; in any order."""
    random = np.random.default_rng(seed)
    steps = [Instant(int(random.integers(RANKS)), A_STEP, int(random.integers(1, 5))) for _ in range(6)]
    saving = [Instant(0, action, int(random.integers(1, most + 1))) for action, most in IN_SAVING.items()]
    return [(steps + saving)[index] for index in random.permutation(10)]


@dataclass
class Killed:
    """As a rank's task: `fit`, in a process that ends by SIGKILL at the instant of this launch, while there are any."""

    instants: list[Instant]
    launches: int = 0
    causes: list[str] = field(default_factory=list)

    def __call__(self, task: FitTask, world: World, report: Any) -> Any:
        instant = self.instants[self.launches] if self.launches < len(self.instants) else None
        if instant is None or instant.rank != world.rank:
            return fit(task, world, report)
        die = Countdown(instant.count)

        def reporting(event: Event) -> None:
            report(event)
            if instant.action == A_STEP and isinstance(event, StepEnded):
                die()

        with each_step_is_reported(), dying_in_saving(instant.action, die):
            return fit(task, world, reporting)

    def on_event(self, rank: int, event: Event) -> None:
        """On the driver, where the next launch takes the next instant."""
        if isinstance(event, Restarted):
            self.launches += 1
            self.causes.append(event.cause)


class Countdown:
    """Called so many times, it kills this process."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self) -> None:
        import os
        import signal

        self.count -= 1
        if not self.count:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def each_step_is_reported() -> Iterator[None]:
    from laketrain.train import timing

    usual, timing.REPORT_EVERY_S = timing.REPORT_EVERY_S, 0.0
    try:
        yield
    finally:
        timing.REPORT_EVERY_S = usual


@contextmanager
def dying_in_saving(action: str, die: Callable[[], None]) -> Iterator[None]:
    """Saving a checkpoint calls `die` at this action."""
    import os
    import shutil

    from laketrain.lake.table import Table

    copy, link, drop = shutil.copyfile, os.link, Table.drop

    def copies(source: Any, target: Any, **options: Any) -> Any:
        if action == "half of the model is written":
            with open(source, "rb") as whole, open(target, "wb") as half:
                half.write(whole.read(os.path.getsize(source) // 2))
            die()
        return copy(source, target, **options)

    def links(*arguments: Any, **options: Any) -> None:
        if action == "before a file gets its name":
            die()
        link(*arguments, **options)
        if action == "after a file got its name":
            die()

    def drops(table: Any, number: int) -> None:
        if action == "before an old checkpoint goes":
            die()
        drop(table, number)

    shutil.copyfile, os.link, Table.drop = copies, links, drops  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        shutil.copyfile, os.link, Table.drop = copy, link, drop  # type: ignore[method-assign]


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "rows_per_s")} for row in history]


def trained(spark: SparkSession, dataset: Version, name: str, on_event: Any = None) -> Version:
    config = Train.model_validate({**SETTINGS, "max_restarts": 10})
    return train(spark, dataset, name, config, fingerprint_train(dataset, config), on_event)


def test_the_drawn_instants_are_of_all_actions_and_come_before_the_end() -> None:
    instants = draw_instants(seed=11)
    assert len(instants) == 10 and {instant.rank for instant in instants} == {0, 1}
    assert {instant.action for instant in instants} == {A_STEP, *IN_SAVING}
    # Six steps at the most from a launch to its instant of saving.
    assert sum(instant.count if instant.action == A_STEP else 6 for instant in instants) < STEPS * SETTINGS["epochs"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("instants", [
    pytest.param(FEW, id="three times"),
    pytest.param(draw_instants(seed=11), id="ten times", marks=pytest.mark.soak)])
def test_a_training_that_was_killed_ends_with_the_bits_of_an_undisturbed_one(
        spark: SparkSession, dataset: Version, monkeypatch: pytest.MonkeyPatch, instants: list[Instant]) -> None:
    import tests.train.test_kills as here
    from pyspark import cloudpickle

    whole = trained(spark, dataset, "whole")
    cloudpickle.register_pickle_by_value(here)  # executors have no `tests`
    killed = Killed(instants)
    monkeypatch.setattr(stage_module, "fit", killed)
    version = trained(spark, dataset, "killed", killed.on_event)

    assert version.entry.meta["restarts"] == len(killed.causes) == len(instants)
    for instant, cause in zip(instants, killed.causes, strict=True):
        assert f"rank {instant.rank} of 2" in cause and "its process died" in cause
    assert timeless(version.entry.meta["history"]) == timeless(whole.entry.meta["history"])
    assert version.entry.meta["weights"] == whole.entry.meta["weights"]
    assert version.entry.meta["best"] == whole.entry.meta["best"]
