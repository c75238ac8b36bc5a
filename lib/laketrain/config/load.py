"""From a file to a checked workload, or to one error that lists everything wrong with it.

    workload, document = load("conf/mnist.yaml", sets=["train.epochs=3"], parsers=[parse_features])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from laketrain.config.checks import cross_check, problems_at
from laketrain.config.document import Document
from laketrain.config.problems import explain
from laketrain.config.workload import Workload
from laketrain.errors import ConfigError, Problem

Parser = Callable[[Document], Iterable[Problem]]
"""Checks a part of the document whose models live in a later room (features, the zoo)."""


def load(
    path: str | Path, sets: Sequence[str] = (), lake: str | None = None, parsers: Iterable[Parser] = ()
) -> tuple[Workload, Document]:
    """Reads, fills in and checks a workload. Relative `lake` and source paths become absolute, seen from the file;
    the argument `lake` replaces the file's and is seen from the current directory. Raises ConfigError."""
    document = Document.read(path, sets)
    if lake is not None:
        document.data["lake"] = lake if _is_url(lake) else str(Path(lake).absolute())
    problems = [problem for parser in parsers for problem in parser(document)]
    try:
        workload = Workload.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError(document.source, _by_line([*explain(error, Workload, document), *problems])) from None
    problems += problems_at(cross_check(workload), document)
    if problems:
        raise ConfigError(document.source, _by_line(problems))
    return _anchored(workload, Path(path).absolute().parent), document


def _by_line(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)


def _anchored(workload: Workload, home: Path) -> Workload:
    sources = {
        name: source.model_copy(update={"path": _absolute(source.path, home)})
        for name, source in workload.sources.items()
    }
    return workload.model_copy(update={"lake": _absolute(workload.lake, home), "sources": sources})


def _absolute(path: str, home: Path) -> str:
    return path if _is_url(path) else str((home / path).resolve())


def _is_url(path: str) -> bool:
    return "://" in path
