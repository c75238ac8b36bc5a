"""Rules for columns that tell who somebody is, and the veil over those columns in the quarantine."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Sequence

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import VEILED
from laketrain.clean.reading.json.parse_value import is_complete, parse_value
from laketrain.config.clean import BaseRule, Drop, Hash, Mask, Personal
from laketrain.config.clean.personal import key_problem
from laketrain.config.sources import MEDIA
from laketrain.errors import DataError
from laketrain.spark.frames import on_batches, quoted

WITHHELD = "(withheld: the table has personal columns)"


class Secret:
    """A key on its way to the executors. It travels in the pickled function alone: whatever prints it, a plan, a log, a
    traceback, shows a word in its place."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def named(cls, name: str) -> Secret:
        """The key in the environment variable `name`. Raises DataError, which doesn't quote it, where none will do."""
        if told := key_problem(name):
            raise DataError("clean", f"hash by {name!r}", *told)
        return cls(os.environ[name].encode())

    def of(self, text: str) -> str:
        """The HMAC-SHA256 of `text`, hexadecimal."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return "Secret(…)"


def drop(frame: DataFrame, rule: Drop) -> DataFrame:
    """The columns go."""
    return frame.drop(*(F.col(quoted(column)) for column in rule.columns))


def mask(frame: DataFrame, rule: Mask) -> DataFrame:
    """Stars, and the last few characters of texts that are longer than those."""
    return frame.withColumns({column: _masked(F.col(quoted(column)), rule) for column in rule.columns})


def hash_(frame: DataFrame, rule: Hash) -> DataFrame:
    """Each value's HMAC-SHA256, computed in Python over Arrow batches: as a SQL expression the key would stand in the
    query's plan."""
    hashed = _hashing(rule)
    return frame.withColumns({column: hashed(F.col(quoted(column))) for column in rule.columns})


def key_marks(rules: Sequence[BaseRule]) -> dict[str, str]:
    """By variable, a mark that is another one for another key, so that a changed key makes the table anew."""
    names = {rule.key_env for rule in rules if isinstance(rule, Hash)}
    return {name: Secret.named(name).of("laketrain: which key is this?")[:16] for name in sorted(names)}


def personal_columns(rules: Sequence[BaseRule]) -> set[str]:
    """Every column that a rule drops, masks or hashes."""
    return {column for rule in rules if isinstance(rule, Personal) for column in rule.columns}


def veiled_record(record: Column, schema: T.StructType, rules: Sequence[BaseRule]) -> Column:
    """The record as it came, but with its personal columns dropped, masked and hashed as the rules do.

    Args:
        record: a row of `schema` as JSON. Of text that is none, a line that couldn't be read, nothing is shown.
    """
    veils: dict[str, BaseRule] = {}
    for rule in rules:
        if isinstance(rule, Personal):
            veils = {**dict.fromkeys(rule.columns, rule), **veils}
    if not veils:
        return record
    value = parse_value(record, schema)
    shown = [_veiled(value.exact.getField(name), veils.get(name)).alias(name)
             for name in schema.names if not isinstance(veils.get(name), Drop)]
    return F.when(is_complete(value), F.to_json(F.struct(*shown))).otherwise(F.lit(WITHHELD))


def veiled_file(file: Column, rules: Sequence[BaseRule], form: str) -> Column:
    """The path of a row's file without the values of personal columns that stand in it: of a folder `name=value` its
    value and, of files that are rows, what their columns `path` and `folder` are made of. `form`: the source's
    format."""
    hidden = personal_columns(rules)
    if form in (*MEDIA, "binaryFile") and "path" in hidden:
        return F.when(file.isNotNull(), F.lit(VEILED))
    if form in MEDIA and "folder" in hidden:
        file = F.regexp_replace(file, r"[^/]+/([^/]*)$", f"{VEILED}/$1")
    for column in sorted(hidden):
        file = F.regexp_replace(file, rf"(?iu)(^|/)({re.escape(column)})=[^/]*(?=/)", f"$1$2={VEILED}")
    return file


def _veiled(value: Column, rule: BaseRule | None) -> Column:
    if isinstance(rule, Mask):
        return _masked(value, rule)
    return _hashing(rule)(value) if isinstance(rule, Hash) else value


def _masked(value: Column, rule: Mask) -> Column:
    text = value.cast("string")
    stars = F.repeat(F.lit("*"), F.length(text) - rule.keep)
    if not rule.keep:
        return stars
    return F.when(F.length(text) > rule.keep, F.concat(stars, F.right(text, F.lit(rule.keep)))).otherwise(
        F.repeat(F.lit("*"), F.length(text)))


def _hashing(rule: Hash) -> Callable[[Column], Column]:
    secret = Secret.named(rule.key_env)

    def hashed(texts: pd.Series) -> pd.Series:
        return texts.map(secret.of, na_action="ignore")

    work = on_batches(hashed, "string")
    return lambda value: work(value.cast("string"))
