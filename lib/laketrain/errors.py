"""Errors that name the next step, and can be pickled from an executor to the driver.

Every error names where it happened, its subject, what was received and expected, and the next step:

    [convert] feature 'image' in cifar10/train: got float32 (32, 32), expected uint8 (32, 32, 3). Next: …

    raise DataError("convert", "feature 'image' in cifar10/train", "got float32 (32, 32), expected uint8 (32, 32, 3)")

Their arguments are their fields, so `pickle` can send them from rank to driver.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace


class LaketrainError(Exception):
    """The base of all errors. The command line prints it without a stack trace and exits with `exit_code`.

    Args:
        stage: where it happened: `config`, `lake`, `ingest`, … `train`.
        subject: what it is about, in the user's terms, e.g. `feature 'image' in mnist/train`.
        problem: what was received and what was expected.
        hint: the next step, a sentence; empty if none is known.
    """

    exit_code = 1

    def __init__(self, stage: str, subject: str, problem: str, hint: str = "") -> None:
        super().__init__(stage, subject, problem, hint)
        self.stage, self.subject, self.problem, self.hint = stage, subject, problem, hint

    def __str__(self) -> str:
        text = f"[{self.stage}] {self.subject}: {self.problem}"
        return f"{text.rstrip('.')}. Next: {self.hint}" if self.hint else text


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a config: where (dotted path and, if known, the file's line), what, and a hint."""

    where: str
    problem: str
    hint: str = ""
    line: int | None = None
    path: tuple[str | int, ...] = field(default=(), compare=False, repr=False)
    """The keys and indices that lead to it, from the part of the config that was checked."""

    @classmethod
    def at(cls, path: Sequence[str | int], problem: str, hint: str = "") -> Problem:
        """A problem of what is at `path`."""
        return cls(".".join(map(str, path)), problem, hint, path=tuple(path))

    def below(self, *prefix: str | int) -> Problem:
        """The same problem, with a path that starts at an outer part of the config."""
        return replace(self, where=".".join(map(str, (*prefix, *self.path))), path=(*prefix, *self.path))

    def __str__(self) -> str:
        location = f"line {self.line}, {self.where}" if self.line else self.where
        return f"{location}: {self.problem}" + (f". {self.hint}" if self.hint else "")


class ConfigError(LaketrainError):
    """The config is invalid. Lists all problems at once."""

    exit_code = 2

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source, self.problems = source, tuple(problems)
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__("config", source, f"{count} {noun}{lines}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)


class LakeError(LaketrainError):
    """The lake can't be read or written."""


class StorageError(LakeError):
    """The lake's storage fails or can't be reached; a retry may succeed."""


class CommitConflict(LakeError):
    """Another writer committed the version first."""


class DataError(LaketrainError):
    """Data breaks a declared contract: too many rejected rows, a key that isn't unique, a shape that differs."""


class LaunchError(LaketrainError):
    """Ranks could not be started."""


class RankError(LaketrainError):
    """A rank failed. `rank` is the first that did; `log` contains its last lines."""

    def __init__(self, stage: str, subject: str, problem: str, hint: str = "", *, rank: int | None = None,
                 log: str = "") -> None:
        super().__init__(stage, subject, problem, hint)
        self.rank, self.log = rank, log

    def __reduce__(self) -> tuple[object, ...]:
        state = {"rank": self.rank, "log": self.log}
        return type(self), (self.stage, self.subject, self.problem, self.hint), state

    def __str__(self) -> str:
        tail = "".join(f"\n    | {line}" for line in self.log.splitlines())
        return super().__str__() + tail


class GateError(LaketrainError):
    """The model is worse than its gate allows."""

    exit_code = 3


def nearest(received: str, accepted: Iterable[str]) -> str:
    """`Did you mean 'epochs'?`, or the accepted names if none is near."""
    names = sorted(accepted)
    close = difflib.get_close_matches(received, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Accepted: {', '.join(names)}" if names else ""
