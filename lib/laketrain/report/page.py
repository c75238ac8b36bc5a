"""A run's report: one HTML page that stands alone, to be opened from a disk, sent to a colleague, printed.

    html = render(lake, record)

It loads nothing from anywhere and runs no script, which its Content-Security-Policy makes the browser enforce. All
that comes from data is escaped. A section that the run has nothing for is left out; one that can't be drawn says so in
its place, since no section is worth the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from laketrain.lake import Lake
from laketrain.report import (
    dataset,
    errors,
    evaluation,
    facts,
    flow,
    predictions,
    profiles,
    quarantine,
    training,
    words,
)
from laketrain.report.environment import environment
from laketrain.report.run import Run
from laketrain.stages import RunRecord

_LONGEST_PROBLEM = 400


@dataclass(frozen=True)
class Section:
    """A part of the page: `facts` finds what `templates/<key>.html` prints as `it`, and None leaves the part out.
    A `half` section shares its line with a half one beside it."""

    key: str
    title: str
    facts: Callable[[Run], Any]
    half: bool = False


SECTIONS = (
    Section("flow", "From raw files to predictions", flow.flow),
    Section("quarantine", "Quarantine", quarantine.quarantine),
    Section("profiles", "Profiles", profiles.profiles),
    Section("splits", "Dataset", dataset.splits),
    Section("samples", "Samples", dataset.samples),
    Section("training", "Training", training.training),
    Section("comparison", "Evaluation", evaluation.comparison),
    Section("confusion", "Confusion", evaluation.confusion, half=True),
    Section("classes", "Class by class", evaluation.classes, half=True),
    Section("errors", "Errors", errors.errors),
    Section("mistakes", "Worst mistakes", dataset.mistakes),
    Section("predictions", "Predictions", predictions.predictions),
    Section("stages", "Time by stage", facts.stages, half=True),
    Section("ranks", "Time of the ranks", training.ranks, half=True),
    Section("versions", "Versions and lineage", facts.versions),
    Section("software", "Software", facts.software),
    Section("config", "Config", facts.config),
)


@dataclass(frozen=True)
class Drawn:
    """A section as HTML, or the `problem` that kept it from being drawn."""

    section: Section
    body: str
    problem: str = ""


def render(lake: Lake, record: RunRecord) -> str:
    """The page. Never fails for what lies in the lake: see the module's docstring."""
    run = Run(lake, record)
    head = _draw(run, Section("head", record.workload.name, facts.headline))
    drawn = [found for section in SECTIONS if (found := _draw(run, section))]
    page = environment().get_template("run.html")
    return page.render(title=record.workload.name, began=record.began, head=head, drawn=drawn)


def _draw(run: Run, section: Section) -> Drawn | None:
    try:
        found = section.facts(run)
        if found is None:
            return None
        return Drawn(section, environment().get_template(f"{section.key}.html").render(it=found))
    except Exception as error:
        problem = run.redactor.scrub(f"{type(error).__name__}: {error}")
        return Drawn(section, "", words.shortened(problem, _LONGEST_PROBLEM))
