"""The base class of steps: settings that know which tables they read, which columns they need and which they produce.

    step.problems(StepContext("digits", "pixels", columns, tables))    # Problem.at(("on",), "there is no column …"), …
    step.after(StepContext(…))                                         # {'digit_id': 'string', 'label': 'int'}

Steps are checked before Spark starts, with the columns that the config declares, and again when they run, with the
actual columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field, model_validator

from laketrain.config.base import Name, Section
from laketrain.config.clean.base import Types
from laketrain.config.sql.widening import widened
from laketrain.errors import Problem, nearest


@dataclass(frozen=True)
class StepContext:
    """The context in which a step is applied.

    Attributes:
        view: the integrated table's name. first_table: the table that it starts from.
        columns: those after the steps before; None if they are unknown.
        tables: returns the columns of any other table; None if they are unknown.
    """

    view: str
    first_table: str
    columns: Types | None
    tables: Callable[[str], Types | None]


class BaseStep(Section):
    """One step; `step` determines its kind."""

    step: str
    """The step's name."""

    @property
    def label(self) -> str:
        """The step's name in counts and quarantine: `join(captures)`."""
        return self.step

    def reads(self) -> list[str]:
        """The other tables that the step reads."""
        return []

    def problems(self, context: StepContext) -> Iterator[Problem]:
        """Reasons why the step can't work with these columns."""
        return iter(())

    def after(self, context: StepContext) -> Types | None:
        """The columns after the step."""
        return context.columns


class BaseJoin(BaseStep):
    """The common settings of join and as-of join: the other table, the key, and the names of its columns."""

    table: Name
    """The other table: an integrated table declared above or, if there is none of that name, a clean table."""
    on: list[str] | dict[str, str]
    """The columns of the key, which both sides have, or a mapping of this side's names to the other table's."""
    columns: list[str] | None = Field(default=None, min_length=1)
    """The columns that are added from the other table; by default all but its key."""
    prefix: str | None = Field(default=None, min_length=1)
    """A prefix of the added columns' names, e.g. `patient_`, so that they don't clash with existing ones."""
    rename: dict[str, str] = Field(default_factory=dict)
    """New names of added columns, by their old names. They get no prefix."""

    @model_validator(mode="after")
    def _check_rename(self) -> BaseJoin:
        if self.columns is not None:
            for name in self.rename:
                if name not in self.columns:
                    raise ValueError(f"renames {name!r}, which is not among 'columns'", nearest(name, self.columns))
        return self

    @property
    def label(self) -> str:
        return f"{self.step}({self.table})"

    @property
    def keys(self) -> dict[str, str]:
        """The key's columns: a mapping of this side's names to the other's."""
        return self.on if isinstance(self.on, dict) else {name: name for name in self.on}

    def reads(self) -> list[str]:
        return [self.table]

    def added_columns(self, other: Iterable[str]) -> dict[str, str]:
        """The columns that are added from the other table, which has the columns `other`: old name to new name."""
        names = [name for name in other if name not in self.keys.values()] if self.columns is None else self.columns
        return {name: self.rename.get(name, (self.prefix or "") + name) for name in names}

    def problems(self, context: StepContext) -> Iterator[Problem]:
        left, right = context.columns, context.tables(self.table)
        yield from absent("column", self.keys, left, ("on",))
        yield from absent(f"column of {self.table}", self.keys.values(), right, ("on",))
        if right is not None:
            yield from absent(f"column of {self.table}", self.columns or (), right, ("columns",))
            yield from absent(f"column of {self.table}", self.rename, right, ("rename",))
        if left is None or right is None:
            return
        yield from _key_mismatches(self.keys, left, right, self.table)
        yield from self._clashes(left, self.added_columns(right).values())

    def after(self, context: StepContext) -> Types | None:
        right = context.tables(self.table)
        if context.columns is None or right is None:
            return None
        # A missing key is reported once, not by every step that follows.
        columns = {**context.columns, **{key: context.columns.get(key, "") for key in self.keys}}
        return {**columns, **{new: right.get(old, "") for old, new in self.added_columns(right).items()}}

    def _clashes(self, left: Iterable[str], new: Iterable[str]) -> Iterator[Problem]:
        names = list(new)
        existing = {name.lower() for name in left}
        both = sorted(name for name in names if name.lower() in existing)
        if both:
            yield Problem.at((), f"{', '.join(both)} would come from both sides",
                             f"Give those of {self.table} other names, e.g. prefix: {self.table}_ or rename: "
                             f"{{{both[0]}: {self.table}_{both[0]}}}, choose among them by 'columns', or name it "
                             "in 'on'")
        lower = [name.lower() for name in names]
        twice = sorted({name for name in names if lower.count(name.lower()) > 1})
        if twice:
            yield Problem.at((), f"{', '.join(twice)} would come twice from {self.table}",
                             "Give each a different name in 'rename'")


def absent(noun: str, names: Iterable[str], columns: Types | None, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """A problem for each of `names` that isn't in `columns`; none if the columns are unknown."""
    if columns is not None:
        yield from (Problem.at(path, f"there is no {noun} {name!r}", nearest(name, columns))
                    for name in dict.fromkeys(names) if name not in columns)


def type_mismatch(name: str, left: str, other: str, right: str, table: str) -> Problem | None:
    """The problem if the columns `name` of type `left` and `other` of `table`, of type `right`, can't be compared.

    Spark would cast one to the other's type: '007' would equal 7, and text that isn't a number would be null.
    """
    if not left or not right or widened(left, right):
        return None
    return Problem.at((), f"column {name!r} is {left}, {other!r} of {table} is {right}",
                      f"Cast one of them in its clean rules, e.g. cast: {{column: {other}, to: {left}}}")


def _key_mismatches(keys: Mapping[str, str], left: Mapping[str, str], right: Mapping[str, str],
                    table: str) -> Iterator[Problem]:
    for name, other in keys.items():
        if problem := type_mismatch(name, left.get(name, ""), other, right.get(other, ""), table):
            yield problem.below("on")
