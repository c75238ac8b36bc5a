"""The integrate stage: per table, steps in the order in which they are applied.

    integrate:
      digits:
        table: pixels
        steps:
          - join: {table: captures, on: [digit_id], relation: one-to-one, unmatched: {left: quarantine}}
          - sql: SELECT digit_id, pixels, label FROM digits

A step is a single key, its name, with its settings below.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from laketrain.config.base import Name, Section
from laketrain.config.integrate.as_of import AsOf, AsOfUnmatchedPolicy
from laketrain.config.integrate.base import BaseJoin, BaseStep, StepContext
from laketrain.config.integrate.history import History
from laketrain.config.integrate.join import Join, UnmatchedPolicy
from laketrain.config.integrate.sql import Sql
from laketrain.config.integrate.union import Union

__all__ = ["AsOf", "BaseStep", "History", "IntegrateTable", "Join", "AsOfUnmatchedPolicy", "BaseJoin", "Sql",
           "StepContext", "Step", "Union", "UnmatchedPolicy"]

_AnyStep = Join | AsOf | Union | History | Sql
_BY_NAME = {typing.get_args(kind.model_fields["step"].annotation)[0]: kind for kind in typing.get_args(_AnyStep)}


def _named(step: Any) -> Any:
    """Turns `{join: {table: x}}`, the form in the file, into `{step: join, table: x}`, the parsed form."""
    if isinstance(step, Section) or (isinstance(step, dict) and "step" in step):
        return step
    if not isinstance(step, dict):
        raise ValueError(f"received {step!r}, expected a step over its settings, e.g. sql: SELECT …")
    if len(step) != 1:
        raise ValueError(f"received the keys {', '.join(map(str, step)) or '(none)'} in one item of the list, "
                         "expected one step; begin each with a '- ' of its own")
    [(name, settings)] = step.items()
    if isinstance(settings, dict):
        return {"step": name, **settings}
    if name == "sql":
        return {"step": name, "query": settings}
    if name in _BY_NAME:
        keys = [key for key in _BY_NAME[name].model_fields if key != "step"]
        raise ValueError(f"received {settings!r} as the settings of {name}, expected a mapping of {', '.join(keys)}")
    return {"step": name}


Step = Annotated[_AnyStep, Field(discriminator="step"), BeforeValidator(_named)]


class IntegrateTable(Section):
    """One integrated table: the table that it starts from, and the steps that are applied to it."""

    former: ClassVar[dict[str, str]] = {
        "joins": "Write them as steps, e.g. steps: [{join: {table: …, on: […], relation: many-to-one}}]",
        "sql": "Write it as a step, e.g. steps: [{sql: SELECT …}]",
    }

    table: Name
    """The table that it starts from: an integrated table declared above or, if there is none of that name, a clean
    table."""
    steps: list[Step] = Field(default_factory=list)
    """The steps, in the order in which they are applied."""

    @property
    def tables(self) -> list[str]:
        """Every table that it is made from, each once, starting with `table`."""
        return list(dict.fromkeys([self.table, *(name for step in self.steps for name in step.reads())]))
