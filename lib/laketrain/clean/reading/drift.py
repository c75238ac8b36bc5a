"""How a file's columns differ from those that are expected, and what the source's policy makes of it.

    drift = Judge(expected, source.drift)
    for file in files: drift.see(file.ref, found)
    drift.columns                 # the table's, after all files were seen
    drift.told                    # {"new": {"colour": 2}}: files by column
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import types as T

from laketrain.clean.reading.stored import TIMES, Stored
from laketrain.config.sources import RESERVED, Drift, JdbcSource, TableSource
from laketrain.errors import DataError, nearest

Found = Mapping[str, T.DataType] | Mapping[str, Stored]
"""A file's columns by name: their types or, in formats that have types of their own, how they are stored."""


class Judge:
    """Sees every file once. Raises DataError as soon as a file's columns break the policy."""

    def __init__(self, expected: T.StructType, policy: Drift) -> None:
        self._policy = policy
        self._types: dict[str, T.DataType] = {field.name: nullable(field.dataType) for field in expected}
        self._own = set(self._types)
        self.told: dict[str, dict[str, int]] = {}

    @property
    def columns(self) -> T.StructType:
        """The table's columns: the expected ones, then those that were kept, by name."""
        kept = sorted(self._types.keys() - self._own)
        names = [*(name for name in self._types if name in self._own), *kept]
        return T.StructType([T.StructField(name, self._types[name]) for name in names])

    def see(self, file: str, found: Found) -> None:
        """Takes a file's columns into account."""
        for name in self._own:
            if name not in found:
                self._missing(file, name, found)
        for name, kind in found.items():
            if name not in self._types:
                self._new(file, name, kind)
            elif not same(self._types[name], kind):
                self._retyped(file, name, kind)

    def _missing(self, file: str, name: str, found: Iterable[str]) -> None:
        if self._policy.missing == "fail":
            names = list(found)
            raise DataError("clean", file, f"has no column {name!r}, but {', '.join(names)}",
                            f"{nearest(name, names)} Mend the file or the schema, or let drift.missing be nulls")
        self._count("missing", name)

    def _new(self, file: str, name: str, kind: T.DataType | Stored) -> None:
        if self._policy.new == "fail":
            raise DataError("clean", file, f"has the column {name!r} ({said(kind)}), expected "
                            f"{', '.join(self._types)}",
                            f"{nearest(name, self._types)} Declare it, or let drift.new be ignore or keep")
        self._count("new", name)
        if self._policy.new != "keep":
            return
        clash = next((other for other in self._types if other.lower() == name.lower()), None)
        taken = _inferred(kind)
        reserved = name.lower() in RESERVED
        if reserved or clash is not None or taken is None:
            why = f"can't be told from {clash!r}" if clash else (
                "has a name that laketrain uses itself" if reserved else f"is {said(kind)}")
            raise DataError("clean", file, f"the new column {name!r} {why}",
                            f"let drift.new be ignore, or {_remedy(kind) if taken is None else 'mend the file'}")
        self._types[name] = nullable(taken)

    def _retyped(self, file: str, name: str, kind: T.DataType | Stored) -> None:
        problem = f"column {name!r} is {said(kind)}, expected {said(self._types[name])}"
        castable = _inferred(kind) is not None
        if self._policy.retyped == "fail" or not castable:
            text = "; or let drift.retyped be string, and cast the column by a rule" if castable else ""
            raise DataError("clean", file, problem, f"{_remedy(kind)}{text}")
        self._count("retyped", name)
        self._types[name] = T.StringType()

    def _count(self, what: str, name: str) -> None:
        columns = self.told.setdefault(what, {})
        columns[name] = columns.get(name, 0) + 1


@contextmanager
def told_of_table(name: str, source: TableSource) -> Iterator[None]:
    """Names a table's source, where a file is named that landed from it: its user has no such file."""
    try:
        yield
    except DataError as error:
        if not error.subject.startswith("raw/"):
            raise
        way = "cast it in the source's 'query'" if isinstance(source, JdbcSource) else "mend the table"
        hint = error.hint.replace("mend the file", way).replace("schema, or the file", f"schema, or {way}").replace(
            "Mend the file or the schema", "Mend the schema")
        raise DataError(error.stage, f"source {name!r}", error.problem, hint) from error


def same(expected: T.DataType, found: T.DataType | Stored) -> bool:
    """Whether a column of the type `found` is read as `expected` without loss.

    Written by pandas, times have no zone; the session's is UTC, so both are the same instant. What may be null within
    is told by the values: Spark reads every file as if all of it may.
    """
    if isinstance(found, Stored):
        return found.fits(expected)
    return nullable(expected) == nullable(found) or (expected in TIMES and found in TIMES)


def _inferred(kind: T.DataType | Stored) -> T.DataType | None:
    """As what a column is read that nobody declared."""
    return kind.inferred if isinstance(kind, Stored) else kind


def _remedy(kind: T.DataType | Stored) -> str:
    return f"{kind.remedy}, or mend the file" if isinstance(kind, Stored) else "mend the source's schema, or the file"


def nullable(kind: T.DataType) -> T.DataType:
    """The type in which all that it holds may be null."""
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(field.name, nullable(field.dataType)) for field in kind])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(nullable(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(nullable(kind.keyType), nullable(kind.valueType))
    return kind


def said(kind: T.DataType | Stored) -> str:
    """A type in words."""
    return kind.said if isinstance(kind, Stored) else kind.simpleString()
