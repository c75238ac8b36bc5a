"""From a file to a checked workload, or to one error that lists everything wrong with it.

    workload, document = load("conf/mnist.yaml", sets=["train.epochs=3"], parsers=[parse_features])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from laketrain.config.checks import Found, cross_check, problems_at
from laketrain.config.document import Document
from laketrain.config.problems import explain
from laketrain.config.track import Track
from laketrain.config.workload import Workload
from laketrain.errors import ConfigError, Problem

Parser = Callable[[Document], Iterable[Problem]]
"""Checks a part of the document whose models live in a later room (features, the zoo)."""

_DATA = ("sources", "clean", "integrate", "convert", "predict")
"""Sections that name what an earlier one of them makes."""


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
        problems += problems_at(cross_check(workload), document)
    except ValidationError as error:
        told = [*explain(error, Workload, document), *problems_at(_beside(error, document.data), document)]
        raise ConfigError(document.source, _by_line([*told, *problems])) from None
    if problems:
        raise ConfigError(document.source, _by_line(problems))
    return _anchored(workload, Path(path).absolute().parent), document


def _beside(error: ValidationError, data: dict[str, Any]) -> Found:
    """The contradictions in the sections that `error` leaves alone, so that all is told at once.

    Found by checking the workload without the keys that are wrong; nothing where it can't stand without one of them.
    Nor is a section judged whose tables or columns come from one with a mistake.
    """
    wrong = [detail["loc"] for detail in error.errors()]
    try:
        rest = Workload.model_validate(reduce(_without, wrong, data))
    except ValidationError:
        return
    touched = {loc[0] for loc in wrong if loc}
    first = next((place for place, name in enumerate(_DATA) if name in touched), len(_DATA))
    yield from (found for found in cross_check(rest) if found[0][0] not in touched | {*_DATA[first:]})


def _without(data: Any, loc: tuple[int | str, ...]) -> Any:
    """A copy of `data` without what is at `loc`, which may name a union's member on its way; the same where it ends."""
    if not isinstance(data, dict) or not loc:
        return data
    if loc[0] not in data:
        return _without(data, loc[1:])
    rest = {key: value for key, value in data.items() if key != loc[0]}
    deeper = len(loc) > 1 and isinstance(data[loc[0]], dict)
    return {**rest, loc[0]: _without(data[loc[0]], loc[1:])} if deeper else rest


def _by_line(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line or 0)


def _anchored(workload: Workload, home: Path) -> Workload:
    sources = {
        name: source.model_copy(update={"path": _absolute(path, home)}) if (path := source.file_path) else source
        for name, source in workload.sources.items()
    }
    return workload.model_copy(update={"lake": _absolute(workload.lake, home), "sources": sources,
                                       "track": _anchored_track(workload.track, home)})


def _anchored_track(track: Track | None, home: Path) -> Track | None:
    if track is None or track.tensorboard is None or track.tensorboard.folder is None:
        return track
    board = track.tensorboard.model_copy(update={"folder": _absolute(track.tensorboard.folder, home)})
    return track.model_copy(update={"tensorboard": board})


def _absolute(path: str, home: Path) -> str:
    return path if _is_url(path) else str((home / path).resolve())


def _is_url(path: str) -> bool:
    return "://" in path
