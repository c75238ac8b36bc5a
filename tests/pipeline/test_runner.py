"""The runner finds or makes each table of a stage; without Spark, on a stage made for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.road import Quiet

from laketrain.errors import CommitConflict, DataError, LaketrainError
from laketrain.lake import Version
from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.base import Hook
from laketrain.pipeline.runner import Runner
from laketrain.stages import IncrementalWork, Outcome, RunContext, Stage, Work
from laketrain.workload import Workload


class Calls(Hook):
    """Keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    @contextmanager
    def making(self, stage: Stage, work: Work) -> Iterator[None]:
        self.calls.append(f"making {work.fingerprint}")
        try:
            yield
        except DataError:
            self.calls.append("failed")
            raise
        self.calls.append("left")

    def made(self, version: Version) -> None:
        self.calls.append(f"made {version.ref}")

    def stage_ended(self, outcome: Outcome) -> None:
        self.calls.append(f"ended {outcome.version.ref}{' skipped' if outcome.skipped else ''}")

    def run_ended(self, outcomes: Sequence[Outcome]) -> None:
        self.calls.append(f"run of {len(outcomes)}")


class Copy(Stage):
    """Commits an empty table for each name, or does what `instead` does."""

    name, help, zone = "copy", "Copy.", "clean"

    def __init__(self, *names: str, **instead: Any) -> None:
        self._names, self._instead = names, instead

    def tables(self, workload: Workload) -> Sequence[str]:
        return self._names

    def plan(self, run: RunContext, name: str) -> Work | IncrementalWork:
        def make() -> Version:
            if name in self._instead:
                raise self._instead.pop(name)
            return commit()

        def commit(fingerprint: str = f"copy of {name}") -> Version:
            with run.lake.table("clean", name).stage() as draft:
                return draft.commit(stage="copy", fingerprint=fingerprint)

        if name == "stream":
            return IncrementalWork(lambda: iter([commit("") for _ in range(self._instead.get("arrivals", 0))]))
        return Work(f"copy of {name}", make)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    source = {"format": "text", "path": "landing"}
    return Context(Workload.of({"name": "a", "lake": str(tmp_path / "lake"), "sources": {"a": source}}), Quiet())


def notes(context: Context) -> list[str]:
    listener = context.listeners[0]
    assert isinstance(listener, Quiet)
    return listener.notes


def refs(outcomes: Sequence[Outcome]) -> list[tuple[str, bool]]:
    return [(outcome.version.ref, outcome.skipped) for outcome in outcomes]


def test_a_table_is_made_once_unless_it_is_forced(context: Context) -> None:
    runner = Runner(context, [])
    for force in (False, False, True):
        runner.run(Copy("a"), force)
    assert refs(runner.outcomes) == [("clean/a@1", False), ("clean/a@1", True), ("clean/a@2", False)]


def test_a_version_with_the_fingerprint_of_an_earlier_release_is_as_good(context: Context) -> None:
    class Renewed(Copy):
        def plan(self, run: RunContext, name: str) -> Work | IncrementalWork:
            work = super().plan(run, name)
            assert isinstance(work, Work)
            return replace(work, fingerprint="renewed", earlier=["older", work.fingerprint])

    runner = Runner(context, [])
    runner.run(Copy("a"))
    runner.run(Renewed("a"))
    assert refs(runner.outcomes) == [("clean/a@1", False), ("clean/a@1", True)]


def test_hooks_surround_work_and_see_every_outcome(context: Context) -> None:
    hook = Calls()
    runner = Runner(context, [hook])
    runner.run(Copy("a"))
    runner.run(Copy("a"))
    runner.ended()
    assert hook.calls == ["making copy of a", "made clean/a@1", "left", "ended clean/a@1", "ended clean/a@1 skipped",
                          "run of 2"]


def test_a_hook_sees_a_failure(context: Context) -> None:
    hook = Calls()
    with pytest.raises(DataError):
        Runner(context, [hook]).run(Copy("a", a=DataError("copy", "table 'a'", "is bad")))
    assert hook.calls == ["making copy of a", "failed"]


def test_the_first_failure_ends_a_stage_unless_each_table_is_to_be_tried(context: Context) -> None:
    runner, bad = Runner(context, []), {name: DataError("copy", f"table {name!r}", "is bad") for name in "ac"}
    with pytest.raises(DataError, match="table 'a'"):
        runner.run(Copy("a", "b", "c", **bad))
    assert runner.outcomes == []
    with pytest.raises(LaketrainError, match=r"2 copy: .*table 'a': is bad; .*table 'c': is bad"):
        runner.run(Copy("a", "b", "c", **bad), each=True)
    assert refs(runner.outcomes) == [("clean/b@1", False)]


def test_work_with_outdated_inputs_is_planned_again(context: Context) -> None:
    conflict = CommitConflict("lake", "clean/a", "clean/a@1 was made of raw/a@2 meanwhile")
    assert Runner(context, []).run(Copy("a", a=conflict))["a"].ref == "clean/a@1"
    assert notes(context) == ["clean/a@1 was made of raw/a@2 meanwhile: planning it again"]


def test_arrivals_are_recorded_one_by_one_and_if_there_are_none_the_latest_is(context: Context) -> None:
    runner = Runner(context, [])
    assert runner.run(Copy("stream", arrivals=2))["stream"].number == 2
    assert runner.run(Copy("stream"))["stream"].number == 2
    assert refs(runner.outcomes) == [("clean/stream@1", False), ("clean/stream@2", False), ("clean/stream@2", True)]
