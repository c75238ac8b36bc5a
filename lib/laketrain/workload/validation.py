"""Validates a document: returns a typed workload, or raises one error with all problems.

    workload = validated(Workload, Document.read("conf/mnist.yaml"), Path("conf"))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from laketrain.config.language.document import Document, Path_
from laketrain.config.language.problems import explain
from laketrain.errors import ConfigError, Problem
from laketrain.workload import checks
from laketrain.workload.paths import with_absolute_paths

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload

_DATA_SECTIONS = ("sources", "clean", "integrate", "convert", "predict")
"""Sections in the order in which data passes through them: each may name tables of those before."""
_SEPARATE_PARTS = (("convert", "features"), ("train", "model"))
"""Parts whose errors don't affect the checks of the rest of their section."""
_MODEL_SECTIONS = ("train", "evaluate", "predict")
"""Sections that need a model."""


def validated(kind: type[Workload], document: Document, folder: Path) -> Workload:
    """The workload of `document`. Relative paths start from `folder`. Raises ConfigError with all problems."""
    try:
        workload = kind.model_validate(document.data)
    except ValidationError as error:
        problems = [*explain(error, kind, document), *_located(_problems_of_rest(kind, error, document), document)]
        raise ConfigError(document.source, _by_line(problems)) from None
    _raise_if_any(checks.section_problems(workload), document)
    workload = with_absolute_paths(workload, folder)
    _raise_if_any(checks.feature_problems(workload), document)
    return workload


def _raise_if_any(problems: Iterable[Problem], document: Document) -> None:
    if located := _located(problems, document):
        raise ConfigError(document.source, _by_line(located))


def _located(problems: Iterable[Problem], document: Document) -> list[Problem]:
    return [document.located(problem) for problem in problems]


def _by_line(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)


def _problems_of_rest(kind: type[Workload], error: ValidationError, document: Document) -> list[Problem]:
    """The problems of the sections without an error in `error`, so that all problems are reported at once.

    The workload is validated again without the keys with errors; if that fails too, there are no further problems.
    Sections that use tables or columns of a section with an error aren't checked.
    """
    wrong = _paths(error, document)
    rest = _without_all(kind, document.data, wrong)
    if rest is None:  # without a valid model there can be no training
        wrong = [*wrong, *((section,) for section in _MODEL_SECTIONS)]
        rest = _without_all(kind, document.data, wrong)
    if rest is None:
        return []
    touched = {path[0] for path in wrong if path and path[:2] not in _SEPARATE_PARTS}
    first = next((index for index, name in enumerate(_DATA_SECTIONS) if name in touched), len(_DATA_SECTIONS))
    unchecked = touched | {*_DATA_SECTIONS[first:]}
    if {("convert",), ("train",)} & {*wrong}:  # they are removed, which isn't a problem of the sections that need them
        unchecked |= {*_MODEL_SECTIONS}
    return [problem for problem in checks.section_problems(rest) if problem.path[0] not in unchecked
            and not any(_overlap(problem.path, path) for path in wrong)]


def _overlap(problem: Path_, wrong: Path_) -> bool:
    """Whether a problem's path is within a path with an error, or contains it."""
    depth = min(len(problem), len(wrong))
    return depth > 1 and problem[:depth] == wrong[:depth]


def _paths(error: ValidationError, document: Document) -> list[Path_]:
    return [document.path(detail["loc"], absent=detail["type"] == "missing") for detail in error.errors()]


def _without_all(kind: type[Workload], data: Any, wrong: Sequence[Path_]) -> Workload | None:
    """The workload without the values at the paths `wrong`. If that isn't valid, features with a wrong value are
    removed entirely. None if that isn't valid either."""
    rest = reduce(_without, wrong, data)
    try:
        return kind.model_validate(rest)
    except ValidationError:
        pass
    shortened = [path[:3] if path[:2] == _SEPARATE_PARTS[0] else path for path in wrong]
    try:
        return kind.model_validate(reduce(_without, shortened, data))
    except ValidationError:
        return None


def _without(data: Any, path: Path_) -> Any:
    """A copy of `data` without the value at `path`; `data` itself if there is none."""
    if not isinstance(data, dict) or not path or path[0] not in data:
        return data
    rest = {key: value for key, value in data.items() if key != path[0]}
    deeper = len(path) > 1 and isinstance(data[path[0]], dict)
    return {**rest, path[0]: _without(data[path[0]], path[1:])} if deeper else rest
