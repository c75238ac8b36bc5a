"""How files' columns differ from the expected ones, and the source's policy for that.

    drift = DriftTracker(expected, source.drift)
    for file in files: drift.add_file(file.ref, columns)
    drift.columns                 # the table's columns, after all files
    drift.counts                  # {"new": {"colour": 2}}: the number of files by column
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from pyspark.sql import types as T

from laketrain.clean.reading.columnar.stored_types import TIMES, StoredType
from laketrain.config.sources import RESERVED, Drift, JdbcSource, TableSource
from laketrain.errors import DataError, nearest

FileColumns = Mapping[str, T.DataType] | Mapping[str, StoredType]
"""A file's columns by name: their types in Spark or, for formats with types of their own, those."""


class DriftTracker:
    """Compares each file's columns with the expected ones. Raises DataError if they break the policy."""

    def __init__(self, expected: T.StructType, policy: Drift) -> None:
        self._policy = policy
        self._types: dict[str, T.DataType] = {field.name: nullable(field.dataType) for field in expected}
        self._expected = set(self._types)
        self.counts: dict[str, dict[str, int]] = {}

    @property
    def columns(self) -> T.StructType:
        """The table's columns: the expected ones, then the new ones that are kept, by name."""
        new = sorted(self._types.keys() - self._expected)
        names = [*(name for name in self._types if name in self._expected), *new]
        return T.StructType([T.StructField(name, self._types[name]) for name in names])

    def add_file(self, file: str, columns: FileColumns) -> None:
        """Compares a file's columns. file: its name in messages."""
        for name in self._expected:
            if name not in columns:
                self._missing(file, name, columns)
        for name, kind in columns.items():
            if name not in self._types:
                self._new(file, name, kind)
            elif not is_compatible(self._types[name], kind):
                self._retyped(file, name, kind)

    def _missing(self, file: str, name: str, columns: Iterable[str]) -> None:
        if self._policy.missing == "fail":
            names = list(columns)
            raise DataError("clean", file, f"has no column {name!r}, but {', '.join(names)}",
                            f"{nearest(name, names)} Mend the file or the schema, or let drift.missing be nulls")
        self._count("missing", name)

    def _new(self, file: str, name: str, kind: T.DataType | StoredType) -> None:
        if self._policy.new == "fail":
            raise DataError("clean", file, f"has the column {name!r} ({type_name(kind)}), expected "
                            f"{', '.join(self._types)}",
                            f"{nearest(name, self._types)} Declare it, or let drift.new be ignore or keep")
        self._count("new", name)
        if self._policy.new != "keep":
            return
        clash = next((other for other in self._types if other.lower() == name.lower()), None)
        inferred = _inferred(kind)
        reserved = name.lower() in RESERVED
        if reserved or clash is not None or inferred is None:
            problem = f"can't be distinguished from {clash!r}" if clash else (
                "has a name that laketrain reserves" if reserved else f"is {type_name(kind)}")
            raise DataError("clean", file, f"the new column {name!r} {problem}",
                            f"let drift.new be ignore, or {_remedy(kind) if inferred is None else 'mend the file'}")
        self._types[name] = nullable(inferred)

    def _retyped(self, file: str, name: str, kind: T.DataType | StoredType) -> None:
        problem = f"column {name!r} is {type_name(kind)}, expected {type_name(self._types[name])}"
        castable = _inferred(kind) is not None
        if self._policy.retyped == "fail" or not castable:
            text = "; or let drift.retyped be string, and cast the column by a rule" if castable else ""
            raise DataError("clean", file, problem, f"{_remedy(kind)}{text}")
        self._count("retyped", name)
        self._types[name] = T.StringType()

    def _count(self, change: str, name: str) -> None:
        columns = self.counts.setdefault(change, {})
        columns[name] = columns.get(name, 0) + 1


@contextmanager
def name_table_source(name: str, source: TableSource) -> Iterator[None]:
    """In errors about a file, names the table source that it was ingested from, as users don't know the file."""
    try:
        yield
    except DataError as error:
        if not error.subject.startswith("raw/"):
            raise
        way = "cast it in the source's 'query'" if isinstance(source, JdbcSource) else "mend the table"
        hint = error.hint.replace("mend the file", way).replace("schema, or the file", f"schema, or {way}").replace(
            "Mend the file or the schema", "Mend the schema")
        raise DataError(error.stage, f"source {name!r}", error.problem, hint) from error


def is_compatible(expected: T.DataType, actual: T.DataType | StoredType) -> bool:
    """Whether a column of the type `actual` is read as `expected` without loss.

    pandas writes times without a zone. The session's zone is UTC, so they are the same instants. Spark reads every
    nested value as nullable.
    """
    if isinstance(actual, StoredType):
        return actual.fits(expected)
    return nullable(expected) == nullable(actual) or (expected in TIMES and actual in TIMES)


def _inferred(kind: T.DataType | StoredType) -> T.DataType | None:
    """The type of a column that isn't declared."""
    return kind.inferred if isinstance(kind, StoredType) else kind


def _remedy(kind: T.DataType | StoredType) -> str:
    if isinstance(kind, StoredType):
        return f"{kind.remedy}, or mend the file"
    return "mend the source's schema, or the file"


def nullable(kind: T.DataType) -> T.DataType:
    """The type with all nested values nullable."""
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(field.name, nullable(field.dataType)) for field in kind])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(nullable(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(nullable(kind.keyType), nullable(kind.valueType))
    return kind


def type_name(kind: T.DataType | StoredType) -> str:
    """A type's name in messages."""
    return kind.label if isinstance(kind, StoredType) else kind.simpleString()
