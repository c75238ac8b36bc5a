"""The protocol of a tracker, and the plain values that it receives.

    class PrintingTracker:
        def start(self, run): print(run.name, run.parameters)
        def epoch(self, number, metrics): print(number, metrics)
        def finish(self, ending): print(ending.status, ending.tags)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal, Protocol

import yaml

import laketrain
from laketrain.lake import Version
from laketrain.lake.lineage import lineage
from laketrain.report.redact import Redactor
from laketrain.workload import Workload


@dataclass(frozen=True)
class RunFacts:
    """What is known when a training starts.

    Attributes:
        name: the model's. started: UTC.
        parameters: the workload's settings by dotted key, `train.batch`, secrets hidden.
        tags: the dataset, its parents, the fingerprint, laketrain's version.
        config: the workload as YAML, secrets hidden.
    """

    name: str
    started: datetime
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    config: str

    @classmethod
    def of(cls, workload: Workload, dataset: Version, key: str) -> RunFacts:
        """The facts of a training on `dataset` with the fingerprint `key`."""
        redactor = Redactor(workload)
        settings = redactor.settings()
        parents = ", ".join(parent.ref for parent in lineage(dataset.lake, dataset))
        tags = {"dataset": dataset.ref, "parents": parents, "fingerprint": key, "version": laketrain.__version__,
                "lake": redactor.scrub(dataset.lake.url)}
        sections = {name: values for name, values in yaml.safe_load(settings).items() if name in _SECTIONS}
        return cls(workload.name, datetime.now(timezone.utc), flattened(sections),
                   {f"laketrain.{name}": value for name, value in tags.items()}, settings)


_SECTIONS = ("train", "convert")
"""Sections whose keys are parameters; the whole file is logged as text."""


@dataclass(frozen=True)
class Ending:
    """How a training ended; `model` is the committed version, None if there is none."""

    status: Literal["finished", "failed", "stopped"]
    model: Version | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Tracker(Protocol):
    """Logs one training. If a method raises, a note reports it, and only `finish` is still called."""

    def start(self, run: RunFacts) -> None: ...
    def epoch(self, number: int, metrics: Mapping[str, float]) -> None: ...
    def finish(self, ending: Ending) -> None: ...


def flattened(value: Any, path: str = "") -> dict[str, str]:
    """A tree of mappings and lists as text by dotted key: `{a: {b: [1, 2]}}` is `{"a.b.0": "1", "a.b.1": "2"}`."""
    if isinstance(value, dict):
        inner = ((str(key), item) for key, item in value.items())
    elif isinstance(value, list):
        inner = ((str(index), item) for index, item in enumerate(value))
    else:
        return {path: str(value)}
    return {key: text for name, item in inner
            for key, text in flattened(item, f"{path}.{name}" if path else name).items()}
