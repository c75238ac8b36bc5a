"""A run in the terminal or a notebook: a line for each stage, and a progress bar during training.

    Pipeline("conf/mnist.yaml", listener=Terminal())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from laketrain import events
from laketrain.events import EpochEnded, Hint, Logs, Restarted, Resumed, StepEnded
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report.format import measured_on, metric
from laketrain.stages import Event, Note, Outcome, RankEvent, StageEnded, StageStarted
from laketrain.tasks import task_of_section


class Terminal:
    """A listener of the pipeline that prints a line for each stage and epoch and, in a terminal, a progress bar."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Shows an event."""
        match event:
            case StageStarted(stage, table):
                if self.console.is_terminal:
                    self._open(f"{stage} {table}")
            case StageEnded(outcome):
                self._end(outcome)
            case Note(text):
                self._note(text)
            case RankEvent(rank, reported):
                self._rank_event(rank, reported)

    def _end(self, outcome: Outcome) -> None:
        self._close()
        status = "[dim]unchanged[/dim]" if outcome.skipped else f"[green]{outcome.seconds:6.1f} s[/green]  "
        text = escape(f"{outcome.version.ref:<28} {_counts(outcome)}")
        self.console.print(f"{outcome.stage:>10}  {status:<9}  {text}", soft_wrap=True)
        for warning in _warnings(outcome):
            self._note(warning)

    def _rank_event(self, rank: int, event: events.Event) -> None:
        match event:
            case EpochEnded(epoch, epochs, logs) if rank == 0:
                self._print(f"epoch {epoch:>3}/{epochs}  {_metrics(logs)}")
            case StepEnded(epoch, step, int(epochs), int(steps), logs) if rank == 0:
                self._show_progress(f"train  epoch {epoch}/{epochs}  {_metrics(logs)}", (epoch - 1) * steps + step,
                                    epochs * steps)
            case Hint(text):
                self._print(f"[yellow]{escape(text)}[/]")
            case Resumed(checkpoint, epoch, step):
                step_text = f", step {step} of the next" if step else ""
                self._print(f"[yellow]resumes after epoch {epoch}{step_text}[/], from {escape(checkpoint)}")
            case Restarted(attempt, max_restarts, cause):
                self._print(f"[yellow]relaunch {attempt} of {max_restarts}:[/] {escape(cause)}")

    def _note(self, text: str) -> None:
        self._close()
        self.console.print(f"            [yellow]{escape(text)}[/]", soft_wrap=True)

    def _print(self, text: str) -> None:
        """Prints an indented line, above the progress bar if there is one."""
        (self._progress.console if self._progress else self.console).print(f"{'':12}{text}", soft_wrap=True)

    def _show_progress(self, description: str, completed: int, total: int) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, total=total, completed=completed, description=description)

    def _open(self, description: str) -> None:
        self._close()
        self._progress = Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
                                  TimeElapsedColumn(), TimeRemainingColumn(elapsed_when_finished=False),
                                  console=self.console, transient=True)
        self._bar = self._progress.add_task(description, total=None)
        self._progress.start()

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
        self._progress = self._bar = None


@contextmanager
def progress_bar(total: int, description: str) -> Iterator[Callable[[object], None]]:
    """A progress bar on standard error that each call advances by one. Nothing is shown if that isn't a terminal."""
    console = Console(stderr=True)
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn(),
                  console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(description, total=total)
        yield lambda _: progress.advance(bar)


def _metrics(logs: Logs) -> str:
    """Loss and metrics, then rows per second: `loss 0.31  accuracy 0.9  1,200 rows/s`."""
    skipped = {"epoch", "rows_per_s", "seconds", "learning_rate"}
    parts = [f"{name} {metric(value)}" for name, value in logs.items() if name not in skipped]
    return escape("  ".join([*parts, f"{logs['rows_per_s']:,.0f} rows/s"]))


def _counts(outcome: Outcome) -> str:
    """The counts of a stage's version as text."""
    counts = outcome.version.entry.counts
    if outcome.stage == "train":
        return f"{counts['epochs']} epochs of {counts['rows']:,} rows, {counts['parameters']:,} parameters"
    if outcome.stage == "evaluate":
        return f"{_headlines(EvaluationManifest.of(outcome.version))}, on {measured_on(counts)}"
    if outcome.stage == "ingest":
        rows = f"{counts['rows']:,} rows, " if "rows" in counts else ""
        lost = f", {counts['lost']:,} lost before they were landed" if "lost" in counts else ""
        return f"{rows}{counts['files']} files, {counts['bytes'] / 1e6:.1f} MB{lost}"
    if outcome.stage == "profile":
        return f"{counts['columns']} columns, {counts['warnings']} to look at"
    parts = [f"{counts[key]:,} {key}" for key in ("in", "out", "quarantined") if key in counts]
    if "splits" in counts:
        parts.append(", ".join(f"{split} {rows:,}" for split, rows in counts["splits"].items()))
    return ", ".join(parts)


def _warnings(outcome: Outcome) -> list[str]:
    """The warnings about a dataset or an evaluation."""
    from laketrain.evaluate.notices import notices_of_dataset

    if outcome.stage == "convert":
        return notices_of_dataset(outcome.version)
    return EvaluationManifest.of(outcome.version).warnings if outcome.stage == "evaluate" else []


def _headlines(evaluation: EvaluationManifest) -> str:
    """The headline metric of each target, and those of its baselines."""
    texts = []
    for target, section in evaluation.sections.items():
        headline = task_of_section(section).headline.metric
        baselines = "".join(f", {name} {metric(value)}" for name, value in section["baselines"].items())
        name = f"{target} " if len(evaluation.sections) > 1 else ""
        texts.append(f"{name}{headline.replace('_', ' ')} {metric(section['metrics'][headline])}{baselines}")
    return "; ".join(texts)
