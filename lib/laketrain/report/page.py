"""A run's report: one self-contained HTML page, to open from a disk, send to a colleague, or print.

    html = render(lake, record)

It loads nothing and runs no script, which its Content-Security-Policy makes the browser enforce. All values from data
are escaped. A section without content is left out. A section that can't be drawn shows its error, so that the rest of
the report is still written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from laketrain.lake import Lake
from laketrain.report import format as fmt
from laketrain.report.environment import environment
from laketrain.report.run import Run
from laketrain.report.sections import (
    dataset,
    errors,
    evaluation,
    flow,
    overview,
    predictions,
    profiles,
    quarantine,
    training,
)
from laketrain.stages import RunRecord

_LONGEST_PROBLEM = 400


@dataclass(frozen=True)
class Section:
    """A section of the page: `facts` returns the values that `templates/<key>.html` prints as `it`, or None to leave
    the section out. Two adjacent `half` sections share a line."""

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
    Section("stages", "Time by stage", overview.stages, half=True),
    Section("ranks", "Time of the ranks", training.ranks, half=True),
    Section("versions", "Versions and lineage", overview.versions),
    Section("software", "Software", overview.software),
    Section("config", "Config", overview.config),
)


@dataclass(frozen=True)
class RenderedSection:
    """A section as HTML, or the `problem` that kept it from being rendered."""

    section: Section
    body: str
    problem: str = ""


def render(lake: Lake, record: RunRecord) -> str:
    """The page as HTML. Contents of the lake never make it fail: see the module's docstring."""
    run = Run(lake, record)
    head = _render(run, Section("head", record.workload.name, overview.headline))
    sections = [rendered for section in SECTIONS if (rendered := _render(run, section))]
    page = environment().get_template("run.html")
    return page.render(title=record.workload.name, began=record.began, head=head, sections=sections)


def _render(run: Run, section: Section) -> RenderedSection | None:
    try:
        facts = section.facts(run)
        if facts is None:
            return None
        return RenderedSection(section, environment().get_template(f"{section.key}.html").render(it=facts))
    except Exception as error:
        problem = run.redactor.scrub(f"{type(error).__name__}: {error}")
        return RenderedSection(section, "", fmt.shortened(problem, _LONGEST_PROBLEM))
