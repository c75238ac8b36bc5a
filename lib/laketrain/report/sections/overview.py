"""The run itself: its headline, the time of its stages, its versions, its software and its config.

    headline(run).verdict, stages(run), versions(run), software(run)

Each function returns the values that a template prints, or None to leave the section out.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from laketrain.errors import GateError
from laketrain.lake import Version
from laketrain.lake.draft import whoami
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report import format as fmt
from laketrain.report.run import Run, parents_of
from laketrain.report.sections.evaluation import target_sections
from laketrain.tasks import task_of_section

SOFTWARE = ("laketrain", "tensorflow", "tensorflow-cpu", "keras", "horovod", "petastorm", "pyarrow", "pyspark", "numpy",
            "pandas")
FINGERPRINT = 12


@dataclass(frozen=True)
class Verdict:
    """The result of the run: `tone` is good, bad or plain, and `mark` shows the same without colour."""

    tone: str
    mark: str
    text: str


@dataclass(frozen=True)
class Tile:
    """A figure of the headline, with a note."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """The top of the page. `error` is why the run failed; `warnings` are those of its evaluation or dataset."""

    title: str
    verdict: Verdict
    sentence: str
    tiles: list[Tile]
    error: str | None
    warnings: list[str]


@dataclass(frozen=True)
class StageTime:
    """A version that a stage made or reused; `part` is its time as a fraction of the longest."""

    stage: str
    ref: str
    seconds: float
    skipped: bool
    part: float


@dataclass(frozen=True)
class Stages:
    """The versions of the run in the order of the stages, the time of the run, and how many versions were reused."""

    times: list[StageTime]
    seconds: float
    unchanged: int


@dataclass(frozen=True)
class Origin:
    """A version and its parents. `role` is whether this run made or reused it; empty for its ancestors."""

    ref: str
    role: str
    parents: list[str]
    data: str
    fingerprint: str
    size: str
    created: str
    by: str
    laketrain: str


@dataclass(frozen=True)
class Versions:
    """All versions that the run made or reused, and their ancestors."""

    lake: str
    origins: list[Origin]


def headline(run: Run) -> Headline:
    """The workload, the result of the run, and its main figures."""
    record = run.record
    made = sum(not outcome.skipped for outcome in record.outcomes)
    reused = len(record.outcomes) - made
    parts = [f"{fmt.plural(made, 'version')} made" if made else "nothing made"]
    parts += [f"{reused} found unchanged"] if reused else []
    sentence = f"{', '.join(parts)}, by {whoami()}, as {record.source} says."
    error = run.redactor.scrub(str(record.failure)) if record.failure else None
    return Headline(record.workload.name, _verdict(run), sentence[0].upper() + run.redactor.scrub(sentence[1:]),
                    list(_tiles(run)), error, [run.redactor.scrub(warning) for warning in _warnings(run)])


def _warnings(run: Run) -> list[str]:
    """The warnings of the evaluation or, without one, of the dataset that the run made or reused."""
    from laketrain.evaluate.notices import notices_of_dataset

    evaluation, dataset = run.last("evaluate"), run.last("convert")
    if evaluation is not None:
        return EvaluationManifest.of(evaluation).warnings
    return [] if dataset is None else notices_of_dataset(dataset)


def _verdict(run: Run) -> Verdict:
    failure, config = run.record.failure, run.record.workload.evaluate
    if isinstance(failure, GateError):
        return Verdict("bad", "✕", "Below its gate")
    if failure is not None:
        return Verdict("bad", "✕", f"Failed in {failure.stage}")
    if run.last("evaluate") is None:
        ran = [stage.name for stage in run.record.stages if run.made(stage.name)]
        return Verdict("plain", "●", f"Went well, to {ran[-1]}" if ran else "Went well")
    if config is None or not config.gate:
        return Verdict("plain", "●", "Went well; no gate was set")
    return Verdict("good", "✓", "Passed its gate")


def _tiles(run: Run) -> Iterator[Tile]:
    record, evaluation, model = run.record, run.last("evaluate"), run.model
    if evaluation is not None:
        split = EvaluationManifest.of(evaluation).split or "the test split"
        bounds = record.workload.evaluate.gate if record.workload.evaluate else {}
        on = f"on {fmt.measured_on(evaluation.entry.counts, split)}"
        for target, section in target_sections(evaluation)[:2]:
            headline = task_of_section(section).headline
            bound = bounds.get(f"{target}.{headline.metric}" if target else headline.metric)
            format_value = fmt.percent if headline.is_share else fmt.metric
            yield Tile(f"{headline.title} of {target}" if target else headline.title,
                       format_value(section["metrics"].get(headline.metric)),
                       on + (f"; the gate asks {fmt.bound(bound)}" if bound else ""))
    if model is not None and (run.made("train") or run.made("evaluate")):
        counts = model.entry.counts
        yield Tile("Model", f"{model.name}@{model.number}", f"{fmt.plural(counts.get('parameters'), 'parameter')}, "
                   f"{fmt.plural(counts.get('epochs'), 'epoch')} of {fmt.rows(counts.get('rows'))}")
    predictions = run.last("predict")
    if predictions is not None:
        yield Tile("Predictions", fmt.count(predictions.entry.counts.get("out")), f"in {predictions.ref}")
    yield Tile("Took", fmt.duration(record.seconds), f"began {fmt.utc_time(record.began)}")


def stages(run: Run) -> Stages | None:
    """The time of each stage."""
    outcomes = run.record.outcomes
    if not outcomes:
        return None
    longest = max((outcome.seconds for outcome in outcomes if not outcome.skipped), default=0.0) or 1.0
    times = [StageTime(outcome.stage, outcome.version.ref, outcome.seconds, outcome.skipped,
                       0.0 if outcome.skipped else outcome.seconds / longest) for outcome in outcomes]
    return Stages(times, run.record.seconds, sum(outcome.skipped for outcome in outcomes))


def versions(run: Run) -> Versions | None:
    """The versions of the run and their ancestors, in the order of the stages."""
    if not run.history:
        return None
    roles = {outcome.version.ref: "found unchanged" if outcome.skipped else "made by this run"
             for outcome in run.record.outcomes}
    origins = [_origin(version, roles.get(version.ref, "")) for version in run.history]
    return Versions(run.redactor.scrub(run.lake.url), origins)


def _origin(version: Version, role: str) -> Origin:
    entry = version.entry
    return Origin(version.ref, role, parents_of(version),
                  entry.data, entry.fingerprint[:FINGERPRINT], fmt.size(sum(file.bytes for file in entry.files)),
                  fmt.timestamp(entry.created), entry.by, entry.laketrain)


def software(run: Run) -> list[tuple[str, str]]:
    """Names and versions of the installed packages in SOFTWARE, read without importing them."""
    installed: list[tuple[str, str]] = [("python", platform.python_version())]
    for name in SOFTWARE:
        try:
            installed.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return installed


def config(run: Run) -> dict[str, Any]:
    """The workload as YAML, and the path or name that it was read from."""
    return {"source": run.redactor.scrub(run.record.source), "yaml": run.redactor.settings()}
