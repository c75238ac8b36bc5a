"""Reads the schema and the row counts of Avro files, and checks that they are complete.

A file consists of blocks, each with its number of rows and a sync marker at its end. All blocks are visited before
Spark reads one; their contents aren't parsed. The file doesn't contain the number of blocks, so a file that is cut off
exactly between two blocks isn't detected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from pyspark.sql import SparkSession

from laketrain.clean.reading.file_tasks import inspect_files
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

_MAGIC = b"Obj\x01"
_MARKER_SIZE = 16
_MAX_HEADER_BYTES = 64 << 20
"""A text in a header that claims to be longer is damaged."""
_IGNORED_TYPES = ("timestamp-nanos", "local-timestamp-nanos", "time-millis", "time-micros", "duration", "big-decimal")
"""Avro's logical types that Spark ignores: it returns the stored number or bytes."""


@dataclass(frozen=True)
class AvroFile:
    """A complete file. schema: the header's JSON. rows: the sum of its blocks' counts."""

    schema: str
    rows: int


def inspect_avro_files(spark: SparkSession, files: Sequence[RawFile]) -> list[AvroFile]:
    """Inspects the files in Spark tasks. Raises DataError if one is cut off, empty, or not Avro."""
    paths = [file.path for file in files]
    texts = inspect_files(spark, files, partial(_inspect, files[0].version.lake.store, paths))
    results = [json.loads(text) for text in texts]
    for file, result in zip(files, results, strict=True):
        if "problem" in result:
            raise DataError("clean", file.ref, f"isn't a readable Avro file: {result['problem']}",
                            "land a whole file, then ingest again")
    return [AvroFile(**result) for result in results]


def _inspect(store: Store, paths: Sequence[str], number: int) -> str:
    try:
        with store.open(paths[number]) as handle:
            schema, rows = read_blocks(handle)
    except (EOFError, ValueError) as error:
        return json.dumps({"problem": str(error)})
    return json.dumps({"schema": schema, "rows": rows})


def read_blocks(handle: BinaryIO) -> tuple[str, int]:
    """The schema of an open file and its number of rows. Raises EOFError or ValueError if it is incomplete."""
    start = handle.read(len(_MAGIC))
    if start != _MAGIC:
        raise ValueError("it doesn't start with Obj" if start else "it is empty")
    header = dict(_pairs(handle))
    marker, rows = _exactly(handle, _MARKER_SIZE), 0
    while (count := _number(handle, at_end=True)) is not None:
        size = _number(handle) or 0
        if count < 0 or size < 0:
            raise ValueError(f"a block after {rows} rows has the counts {count} rows and {size} bytes")
        handle.seek(size, 1)
        if _exactly(handle, _MARKER_SIZE) != marker:
            raise ValueError(f"the block after {rows} rows doesn't end with its sync marker")
        rows += count
    return header.get("avro.schema", b"").decode(), rows


def _pairs(handle: BinaryIO) -> Iterator[tuple[str, bytes]]:
    while count := _number(handle):
        if count < 0:
            _number(handle)
        for _ in range(abs(count)):
            yield _bytes(handle).decode("utf-8", "replace"), _bytes(handle)


def _bytes(handle: BinaryIO) -> bytes:
    size = _number(handle) or 0
    if not 0 <= size <= _MAX_HEADER_BYTES:
        raise ValueError("its header is damaged")
    return _exactly(handle, size)


def _number(handle: BinaryIO, at_end: bool = False) -> int | None:
    """A number in Avro's variable-length encoding; None at the end of the file if `at_end`."""
    value = 0
    for shift in range(0, 70, 7):
        byte = handle.read(1)
        if not byte and at_end and not shift:
            return None
        if not byte:
            raise EOFError("it is cut off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)
    raise ValueError("a number in it has no end")


def _exactly(handle: BinaryIO, size: int) -> bytes:
    data = handle.read(size)
    if len(data) < size:
        raise EOFError("it is cut off")
    return data


def ignored_types(schema: str) -> dict[str, str]:
    """The columns with a logical type that Spark ignores, and Avro's name of that type."""
    fields = json.loads(schema).get("fields", ()) if schema.startswith("{") else ()
    types = {str(field["name"]): next(_ignored_types(field["type"]), None) for field in fields}
    return {name: kind for name, kind in types.items() if kind}


def _ignored_types(kind: Any) -> Iterator[str]:
    if isinstance(kind, list):
        for option in kind:
            yield from _ignored_types(option)
    elif isinstance(kind, dict):
        if kind.get("logicalType") in _IGNORED_TYPES:
            yield str(kind["logicalType"])
        for inner in (kind.get("type"), kind.get("items"), kind.get("values"),
                      *(field["type"] for field in kind.get("fields", ()))):
            if isinstance(inner, (dict, list)):
                yield from _ignored_types(inner)
