"""The clean stage: per table, rules in the order in which they are applied.

    clean:
      pixels:
        max_reject_fraction: 0.05
        rules:
          - not_null: {columns: [digit_id, pixels]}
          - parse: {column: pixels, as: array<int>, separator: " "}
          - length: {column: pixels, equals: 784}

A rule is a single key, its name, with its settings below. A row is rejected by the first rule that it breaks.
"""

from __future__ import annotations

import typing
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from laketrain.config.base import Name, Section
from laketrain.config.clean.base import BaseRule, Types, after_all
from laketrain.config.clean.conversion import Cast, Derive, Parse
from laketrain.config.clean.custom import Function
from laketrain.config.clean.imputation import Impute
from laketrain.config.clean.keys import Unique
from laketrain.config.clean.near_duplicates import NearDuplicates
from laketrain.config.clean.outliers import Outliers
from laketrain.config.clean.personal import Drop, Hash, Mask, Personal
from laketrain.config.clean.text import Text, Trim
from laketrain.config.clean.values import Allowed, Check, Length, NotNull, Range, Regex, Replace

__all__ = [
    "Allowed", "BaseRule", "Cast", "Check", "CleanTable", "Derive", "Drop", "Function", "Hash", "Impute", "Length",
    "Mask", "NearDuplicates", "NotNull", "Outliers", "Parse", "Personal", "Range", "Regex", "Replace", "Rule", "Text",
    "Trim", "Types", "Unique", "after_all",
]

_AnyRule = (
    NotNull | Trim | Text | Replace | Cast | Parse | Derive | Length | Range | Allowed | Regex | Check | Unique
    | NearDuplicates | Outliers | Impute | Drop | Mask | Hash | Function
)
_BY_NAME = {typing.get_args(kind.model_fields["rule"].annotation)[0]: kind for kind in typing.get_args(_AnyRule)}


def _named(rule: Any) -> Any:
    """Turns `{range: {column: x}}`, the form in the file, into `{rule: range, column: x}`, the parsed form."""
    if isinstance(rule, Section) or (isinstance(rule, dict) and "rule" in rule):
        return rule
    if not isinstance(rule, dict):
        raise ValueError(f"received {rule!r}, expected a rule over its settings, e.g. not_null: {{columns: [id]}}")
    if len(rule) != 1:
        raise ValueError(f"received the keys {', '.join(map(str, rule)) or '(none)'} in one item of the list, "
                         "expected one rule; begin each with a '- ' of its own")
    [(name, settings)] = rule.items()
    if isinstance(settings, dict):
        return {"rule": name, **settings}
    if name in _BY_NAME:
        keys = [field.alias or key for key, field in _BY_NAME[name].model_fields.items() if key != "rule"]
        raise ValueError(f"received {settings!r} as the settings of {name}, expected a mapping of {', '.join(keys)}")
    return {"rule": name}


Rule = Annotated[_AnyRule, Field(discriminator="rule"), BeforeValidator(_named)]


class CleanTable(Section):
    """One cleaned table."""

    source: Name | None = None
    """The source that the table is made from; by default the source of the same name."""
    max_reject_fraction: float = Field(default=0.0, ge=0, le=1)
    """The share of rows that may be rejected before the stage fails. By default none may, so that no loss goes
    unnoticed.
    """
    rules: list[Rule] = Field(default_factory=list)
    """The rules, in the order in which they are applied."""
