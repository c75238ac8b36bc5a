"""Rules for columns that identify a person. They reject nothing.

    - drop: {columns: [name]}
    - mask: {columns: [phone], keep: 3}
    - hash: {columns: [email], key_env: PATIENT_HASH_KEY}

The columns are masked in the quarantine too, whichever rule rejected a row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, field_validator

from laketrain.config.clean.base import BaseRule, Columns, Types, replaced
from laketrain.errors import Problem

SHORTEST_KEY = 16
"""The least bytes of a hash key; a shorter one could be guessed."""


class Drop(BaseRule):
    """Removes columns."""

    rule: Literal["drop"]
    columns: Columns
    """The columns that are removed; later rules and stages don't have them."""

    def after(self, columns: Types) -> Types:
        return {name: kind for name, kind in columns.items() if name not in self.columns}

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        if columns and set(columns) <= set(self.columns):
            yield Problem.at((), "drops every column of the table", "Leave the key")


class Mask(BaseRule):
    """Replaces all characters but the last `keep` by stars. A text of `keep` characters or fewer is masked entirely."""

    rule: Literal["mask"]
    columns: Columns
    """The columns that are masked. They become text."""
    keep: int = Field(default=0, ge=0)
    """How many characters at the end stay readable."""

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")


class Hash(BaseRule):
    """Replaces each value by its HMAC-SHA256 under a secret key, as 64 hexadecimal digits. Rows of one person can still
    be joined and counted, and without the key nobody can test names."""

    rule: Literal["hash"]
    columns: Columns
    """The columns that are hashed, as text. A value has the same hash in every table that is hashed with this key."""
    key_env: str
    """The NAME of the environment variable that contains the key on the driver, at least 16 bytes."""

    @field_validator("key_env")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,60}", name):
            raise ValueError("received no NAME of an environment variable in capitals (not shown: it may be the key)",
                             "Put the key in the environment and its variable's name here, e.g. key_env: HASH_KEY")
        return name

    def after(self, columns: Types) -> Types:
        return replaced(columns, self.columns, "string")

    def problems(self, columns: Mapping[str, str]) -> Iterator[Problem]:
        if problem := key_problem(self.key_env):
            yield problem


def key_problem(name: str) -> Problem | None:
    """The problem of the hash key in the environment variable `name`; None if the key can be used."""
    key = os.environ.get(name, "")
    hint = f"Set it where the driver runs, e.g. export {name}=$(openssl rand -hex 32), and keep it for later runs"
    if not key:
        return Problem.at((), f"the environment variable {name!r} is unset or empty", hint)
    if len(key.encode()) < SHORTEST_KEY:
        return Problem.at((), f"the key in the environment variable {name!r} is shorter than {SHORTEST_KEY} bytes",
                          hint)
    return None


Personal = Drop | Mask | Hash
