"""From a document to a checked workload, or to one error that lists everything wrong with it.

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
from laketrain.workload.paths import anchored

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload

_DATA = ("sources", "clean", "integrate", "convert", "predict")
"""Sections that name what an earlier one of them makes."""
_APART = (("convert", "features"), ("train", "model"))
"""Parts whose mistakes leave the rest of their section to be judged."""
_OF_THE_MODEL = ("train", "evaluate", "predict")
"""Sections that a workload can't have without a model."""


def validated(kind: type[Workload], document: Document, folder: Path) -> Workload:
    """The workload of `document`, whose relative paths begin at `folder`. Raises ConfigError."""
    try:
        workload = kind.model_validate(document.data)
    except ValidationError as error:
        found = [*explain(error, kind, document), *_located(_in_the_rest(kind, error, document), document)]
        raise ConfigError(document.source, _by_line(found)) from None
    _refuse(checks.sections(workload), document)
    workload = anchored(workload, folder)
    _refuse(checks.fits(workload), document)
    return workload


def _refuse(problems: Iterable[Problem], document: Document) -> None:
    if found := _located(problems, document):
        raise ConfigError(document.source, _by_line(found))


def _located(problems: Iterable[Problem], document: Document) -> list[Problem]:
    return [document.located(problem) for problem in problems]


def _by_line(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)


def _in_the_rest(kind: type[Workload], error: ValidationError, document: Document) -> list[Problem]:
    """The problems of the sections that `error` leaves alone, so that all are reported at once.

    The workload is checked without the keys that are wrong. There are none where it can't be without one of them. A
    section whose tables or columns come from one with a mistake isn't judged.
    """
    wrong = _paths(error, document)
    rest = _without_all(kind, document.data, wrong)
    if rest is None:  # the model's name is wrong, which a training needs
        wrong = [*wrong, *((section,) for section in _OF_THE_MODEL)]
        rest = _without_all(kind, document.data, wrong)
    if rest is None:
        return []
    touched = {path[0] for path in wrong if path and path[:2] not in _APART}
    first = next((index for index, name in enumerate(_DATA) if name in touched), len(_DATA))
    unjudged = touched | {*_DATA[first:]}
    return [problem for problem in checks.sections(rest) if problem.path[0] not in unjudged
            and not any(_overlap(problem.path, path) for path in wrong)]


def _overlap(problem: Path_, wrong: Path_) -> bool:
    """Whether a problem is of what is wrong already, or of a part that contains it and may be right without it."""
    depth = min(len(problem), len(wrong))
    return depth > 1 and problem[:depth] == wrong[:depth]


def _paths(error: ValidationError, document: Document) -> list[Path_]:
    return [document.path(detail["loc"], absent=detail["type"] == "missing") for detail in error.errors()]


def _without_all(kind: type[Workload], data: Any, wrong: Sequence[Path_]) -> Workload | None:
    """The workload without what is at the paths `wrong`. A feature or a model that needs one of them is left out."""
    rest = reduce(_without, wrong, data)
    try:
        return kind.model_validate(rest)
    except ValidationError:
        pass
    apart = [path[:3] if path[:2] == _APART[0] else path for path in wrong]
    try:
        return kind.model_validate(reduce(_without, apart, data))
    except ValidationError:
        return None


def _without(data: Any, path: Path_) -> Any:
    """A copy of `data` without what is at `path`; the same where nothing is."""
    if not isinstance(data, dict) or not path or path[0] not in data:
        return data
    rest = {key: value for key, value in data.items() if key != path[0]}
    deeper = len(path) > 1 and isinstance(data[path[0]], dict)
    return {**rest, path[0]: _without(data[path[0]], path[1:])} if deeper else rest
