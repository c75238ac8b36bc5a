"""What an Avro file tells of itself: its schema, how many rows it has, and whether it is whole.

A file is blocks, each with a count of its rows and a mark behind it. So each block is looked for before Spark reads
one; of what is in them nothing is parsed here. How many blocks there are the file doesn't tell: one that is cut off
just where a block ends is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

from pyspark.sql import SparkSession

from laketrain.clean.reading.by_files import looked_at
from laketrain.clean.reading.landed import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

_MAGIC = b"Obj\x01"
_MARK = 16
_MOST = 64 << 20
"""Bytes of a text in a header; one that says it is longer is damaged."""
_UNITS = ("timestamp-nanos", "local-timestamp-nanos", "time-millis", "time-micros", "duration", "big-decimal")
"""Avro's types of which Spark reads the number or the bytes alone, without what they mean."""


@dataclass(frozen=True)
class AvroFile:
    """A whole file. schema: as it is written in the header. rows: by the counts of its blocks."""

    schema: str
    rows: int


def avro_files(spark: SparkSession, files: Sequence[RawFile]) -> list[AvroFile]:
    """What the files tell. Raises DataError where one is cut off, empty, or no Avro."""
    paths = [file.path for file in files]
    found = [json.loads(look) for look in looked_at(spark, files, partial(_look, files[0].version.lake.store, paths))]
    for file, told in zip(files, found, strict=True):
        if "problem" in told:
            raise DataError("clean", file.ref, f"is no readable Avro file: {told['problem']}",
                            "land a whole file, then ingest again")
    return [AvroFile(**told) for told in found]


def _look(store: Store, paths: Sequence[str], number: int) -> str:
    try:
        with store.open(paths[number]) as handle:
            schema, rows = walked(handle)
    except (EOFError, ValueError) as error:
        return json.dumps({"problem": str(error)})
    return json.dumps({"schema": schema, "rows": rows})


def walked(handle: BinaryIO) -> tuple[str, int]:
    """The schema of an open file and its number of rows. Raises EOFError or ValueError where it isn't whole."""
    start = handle.read(len(_MAGIC))
    if start != _MAGIC:
        raise ValueError("it doesn't begin as one does" if start else "it is empty")
    header = dict(_pairs(handle))
    mark, rows = _exactly(handle, _MARK), 0
    while (count := _number(handle, at_end=True)) is not None:
        size = _number(handle) or 0
        if count < 0 or size < 0:
            raise ValueError(f"a block after {rows} rows says that it has {count} rows in {size} bytes")
        handle.seek(size, 1)
        if _exactly(handle, _MARK) != mark:
            raise ValueError(f"the block after {rows} rows doesn't end where it says")
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
    if not 0 <= size <= _MOST:
        raise ValueError("its header is damaged")
    return _exactly(handle, size)


def _number(handle: BinaryIO, at_end: bool = False) -> int | None:
    """A number as Avro writes it; None where the file ends, if that may be."""
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


def without_unit(schema: str) -> dict[str, str]:
    """The columns of which Spark reads the stored number or bytes alone, with what Avro calls them."""
    fields = json.loads(schema).get("fields", ()) if schema.startswith("{") else ()
    found = {str(field["name"]): next(_within(field["type"]), None) for field in fields}
    return {name: said for name, said in found.items() if said}


def _within(kind: Any) -> Iterator[str]:
    if isinstance(kind, list):
        for one in kind:
            yield from _within(one)
    elif isinstance(kind, dict):
        if kind.get("logicalType") in _UNITS:
            yield str(kind["logicalType"])
        for inner in (kind.get("type"), kind.get("items"), kind.get("values"),
                      *(field["type"] for field in kind.get("fields", ()))):
            if isinstance(inner, (dict, list)):
                yield from _within(inner)
