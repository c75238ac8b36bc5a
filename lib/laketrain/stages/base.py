"""A stage of a pipeline: which tables it makes of a workload, and how each of them is made.

    for name in stage.tables(workload):
        work = stage.plan(run, name)         # what it is made of, its fingerprint, how to make it

The runner (`laketrain.pipeline.runner`) finds the fingerprint in the lake or calls `make`. A stage imports what its
work needs inside `plan`, so that the table of all stages loads neither Spark nor Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from laketrain.events import Event
from laketrain.usercode.registry import Registry

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.config.base import Section
    from laketrain.errors import Problem
    from laketrain.lake import Lake, Version
    from laketrain.workload import Workload


@dataclass(frozen=True)
class Work:
    """One version to make, or to find by its fingerprint.

    Attributes:
        fingerprint: of the settings and the inputs.
        make: commits the version and returns it.
        parents: the versions that it is made of.
        force: whether to make it even where the fingerprint is found; None leaves that to the run.
        before: the table's newest version when the work was planned; None for the newest when it starts.
        done: called with the version, made or found. What it raises ends the run.
    """

    fingerprint: str
    make: Callable[[], Version]
    parents: Sequence[Version] = ()
    force: bool | None = None
    before: int | None = None
    done: Callable[[Version], None] | None = None


@dataclass(frozen=True)
class Arrivals:
    """As many versions as there is new data for. `make` commits and yields them one by one; none if nothing is new."""

    make: Callable[[], Iterator[Version]]


class RunContext(Protocol):
    """What a stage may ask of the run that it is part of."""

    @property
    def workload(self) -> Workload: ...

    @property
    def lake(self) -> Lake: ...

    @property
    def spark(self) -> SparkSession:
        """The Spark session, started at the first use."""

    @property
    def force(self) -> bool:
        """Whether everything is to be made again."""

    def input(self, zone: str, name: str) -> Version:
        """The version of a table that this pipeline made or, if it made none, the latest in the lake. Raises LakeError,
        naming the stage to run first, if there is none."""

    def table(self, name: str) -> Version:
        """The input of that name from `integrated/` if the workload declares it there, else from `clean/`."""

    def made(self, table: str) -> Version | None:
        """What this pipeline made or found of a table such as `models/mnist`."""

    def note(self, text: str, once: bool = False) -> None:
        """Reports something that stops nothing; with `once`, not again in later rounds of the same pipeline."""

    def rank_event(self, rank: int, event: Event) -> None:
        """Reports an event of a rank."""


class Stage:
    """A stage.

    Attributes:
        name: also its verb on the command line. help: one line for the command line.
        zone: the lake's zone that it writes. Its rejected rows go to the quarantine of the same table
            (`laketrain.lake.quarantine`).
        key: its section of the workload; by default its name.
        after: the stage that it follows; for stages of plugins.
        section: the settings under `key`; for stages of plugins, since those of the others are fields of the Workload.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    zone: ClassVar[str]
    key: ClassVar[str] = ""
    after: ClassVar[str] = ""
    section: ClassVar[type[Section] | None] = None

    def __init_subclass__(cls) -> None:
        """Sets the default of `key`."""
        super().__init_subclass__()
        if "name" in vars(cls) and "key" not in vars(cls):
            cls.key = cls.name

    def settings(self, workload: Workload) -> Any:
        """Its section of the workload."""
        return getattr(workload, self.key, None)

    def declared(self, workload: Workload) -> bool:
        """Whether the workload has the section of the stage."""
        return bool(self.settings(workload))

    def problems(self, workload: Workload) -> Iterator[Problem]:
        """What is wrong with its section beyond the types of its settings; for stages of plugins."""
        yield from ()

    def tables(self, workload: Workload) -> Sequence[str]:
        """The names of the tables that it makes, in their order. Called only where the stage is declared."""
        raise NotImplementedError

    def plan(self, run: RunContext, name: str) -> Work | Arrivals:
        """Looks up the inputs of a table. Called again if another job commits newer inputs meanwhile."""
        raise NotImplementedError


STAGES: Registry[Stage] = Registry("stage", ())
"""All stages by name: those of `laketrain.pipeline.stages`, and those that plugins register."""
