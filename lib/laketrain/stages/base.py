"""A stage of a pipeline: which tables it makes of a workload, and how each is made.

    for name in stage.tables(workload):
        work = stage.plan(run, name)         # its inputs, its fingerprint, how to make it

The runner (`laketrain.pipeline.runner`) looks up the fingerprint in the lake, and calls `make` if it isn't there.
A stage imports what its work needs inside `plan`, so that the table of all stages loads neither Spark nor Keras.
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
    """One version to make, unless the lake has one with its fingerprint.

    Attributes:
        fingerprint: of the settings and the inputs.
        make: commits the version and returns it.
        parents: the versions that it is made from.
        force: whether to make it even if the fingerprint is in the lake; None: as the run is configured.
        before: the table's newest version when the work was planned; None for the newest when it starts.
        earlier: fingerprints of the same work in earlier releases, whose versions are as good.
        done: called with the version, new or not. What it raises ends the run.
    """

    fingerprint: str
    make: Callable[[], Version]
    parents: Sequence[Version] = ()
    force: bool | None = None
    before: int | None = None
    earlier: Sequence[str] = ()
    done: Callable[[Version], None] | None = None


@dataclass(frozen=True)
class IncrementalWork:
    """Zero or more versions, for the data that is new. `make` commits and yields them one by one."""

    make: Callable[[], Iterator[Version]]


class RunContext(Protocol):
    """What a stage can use of its run."""

    @property
    def workload(self) -> Workload: ...

    @property
    def lake(self) -> Lake: ...

    @property
    def spark(self) -> SparkSession:
        """The Spark session, started at the first use."""

    @property
    def force(self) -> bool:
        """Whether all tables are made again."""

    def input(self, zone: str, name: str) -> Version:
        """The version of a table that this pipeline made or, if it made none, the latest in the lake. Raises LakeError,
        naming the stage to run first, if there is none."""

    def table(self, name: str) -> Version:
        """The input of that name from `integrated/` if the workload declares it there, else from `clean/`."""

    def made(self, table: str) -> Version | None:
        """The version of a table such as `models/mnist` that this pipeline made or looked up."""

    def note(self, text: str, once: bool = False) -> None:
        """Reports a note; with `once`, not again in later rounds of the same pipeline."""

    def rank_event(self, rank: int, event: Event) -> None:
        """Reports an event of a rank."""


class Stage:
    """Makes the tables of one zone. Subclasses implement `tables` and `plan`."""

    name: ClassVar[str]
    """Its name, which is also its command."""
    help: ClassVar[str]
    """One line for the command line."""
    zone: ClassVar[str]
    """The lake's zone that it writes. Its rejected rows go to the quarantine of the same table
    (`laketrain.lake.quarantine`)."""
    key: ClassVar[str] = ""
    """Its section of the workload; by default its name."""
    after: ClassVar[str] = ""
    """The stage that it follows; for stages of plugins."""
    section: ClassVar[type[Section] | None] = None
    """The settings under `key`; for stages of plugins, since those of the others are fields of the Workload."""

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
        """What is wrong with its section besides types and unknown keys; for stages of plugins."""
        yield from ()

    def tables(self, workload: Workload) -> Sequence[str]:
        """The names of the tables that it makes, in order. Called only if the stage is declared."""
        raise NotImplementedError

    def plan(self, run: RunContext, name: str) -> Work | IncrementalWork:
        """Looks up the inputs of a table. Called again if another job commits newer inputs in the meantime."""
        raise NotImplementedError


STAGES: Registry[Stage] = Registry("stage", ())
"""All stages by name: those of `laketrain.pipeline.stages`, and those that plugins register."""
