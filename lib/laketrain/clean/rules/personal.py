"""Rules for columns that identify persons, and the masking of these columns in the quarantine."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import MASKED
from laketrain.clean.reading.json.parse_value import is_complete, parse_value
from laketrain.config.clean import BaseRule, Drop, Hash, Mask, Personal
from laketrain.config.clean.personal import key_problem
from laketrain.config.sources import MEDIA
from laketrain.errors import DataError
from laketrain.spark.frames import on_batches, quoted

WITHHELD = "(withheld: the table has personal columns)"


class Secret:
    """A key for the executors. Only the pickled function contains it: plans, logs and tracebacks print `Secret(…)`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_env(cls, name: str) -> Secret:
        """The key in the environment variable `name`. Raises DataError, which doesn't quote it, if it is unsuitable."""
        if problem := key_problem(name):
            raise DataError("clean", f"hash by {name!r}", problem.problem, problem.hint)
        return cls(os.environ[name].encode())

    def of(self, text: str) -> str:
        """The HMAC-SHA256 of `text`, hexadecimal."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()

    def __repr__(self) -> str:
        return "Secret(…)"


def drop(frame: DataFrame, rule: Drop) -> DataFrame:
    """Drops the columns."""
    return frame.drop(*(F.col(quoted(column)) for column in rule.columns))


def mask(frame: DataFrame, rule: Mask) -> DataFrame:
    """Replaces texts with stars, except for the last `keep` characters of longer texts."""
    return frame.withColumns({column: _masked(F.col(quoted(column)), rule) for column in rule.columns})


def hash_(frame: DataFrame, rule: Hash) -> DataFrame:
    """Replaces values with their HMAC-SHA256. Computed in Python on Arrow batches, as a SQL expression would expose the
    key in the query plan."""
    hashed = _hashing(rule)
    return frame.withColumns({column: hashed(F.col(quoted(column))) for column in rule.columns})


def key_hashes(rules: Sequence[BaseRule]) -> dict[str, str]:
    """A hash of the key by environment variable, so that a changed key rebuilds the table."""
    names = {rule.key_env for rule in rules if isinstance(rule, Hash)}
    return {name: Secret.from_env(name).of("laketrain: which key is this?")[:16] for name in sorted(names)}


def personal_columns(rules: Sequence[BaseRule]) -> set[str]:
    """Every column that a rule drops, masks or hashes."""
    return {column for rule in rules if isinstance(rule, Personal) for column in rule.columns}


def masked_record(record: Column, schema: T.StructType, rules: Sequence[BaseRule]) -> Column:
    """The original record with its personal columns dropped, masked and hashed as by the rules.

    Args:
        record: a row of `schema` as JSON. Other text, i.e. a line that couldn't be parsed, is withheld.
    """
    masks: dict[str, BaseRule] = {}
    for rule in rules:
        if isinstance(rule, Personal):
            masks = {**dict.fromkeys(rule.columns, rule), **masks}
    if not masks:
        return record
    value = parse_value(record, schema)
    shown = [_apply(value.exact.getField(name), masks.get(name)).alias(name)
             for name in schema.names if not isinstance(masks.get(name), Drop)]
    return F.when(is_complete(value), F.to_json(F.struct(*shown))).otherwise(F.lit(WITHHELD))


def masked_file(file: Column, rules: Sequence[BaseRule], form: str) -> Column:
    """The path of a row's file without the values of personal columns.

    These are the values of folders `name=value` and, if each file is a row, the columns `path` and `folder`. form: the
    source's format.
    """
    hidden = personal_columns(rules)
    if form in (*MEDIA, "binaryFile") and "path" in hidden:
        return F.when(file.isNotNull(), F.lit(MASKED))
    if form in MEDIA and "folder" in hidden:
        file = F.regexp_replace(file, r"[^/]+/([^/]*)$", f"{MASKED}/$1")
    for column in sorted(hidden):
        file = F.regexp_replace(file, rf"(?iu)(^|/)({re.escape(column)})=[^/]*(?=/)", f"$1$2={MASKED}")
    return file


def _apply(value: Column, rule: BaseRule | None) -> Column:
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
    secret = Secret.from_env(rule.key_env)

    def hashed(texts: pa.Array) -> pa.Array:
        return pa.array([None if text is None else secret.of(text) for text in texts.to_pylist()], pa.string())

    work = on_batches(hashed, "string")
    return lambda value: work(value.cast("string"))
