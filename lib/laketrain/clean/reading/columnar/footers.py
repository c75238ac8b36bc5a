"""The footer of a Parquet or ORC file: its columns, its number of rows, and its row groups or stripes.

The footer is at the end of the file, so a truncated file is detected here. Damage within is detected when it is read.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from laketrain.clean.reading.columnar.stored_types import StoredType, as_orc, stored_type, with_arrow_metadata
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError

NAMES = {"parquet": "Parquet", "orc": "ORC"}
_SPARK = b"org.apache.spark.version"
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_HIDDEN_SCHEMA = b"ARROW:absent"
"""Replaces the key of Arrow's schema, so that pyarrow ignores it."""
_LOGICAL_TYPES = {"UUID", "INTERVAL", "JSON", "ENUM", "BSON"}
_NEWER = ("recognized", "only supports", "not supported", "not implemented")
"""Words in pyarrow's errors about intact files with a type that this version lacks."""


@dataclass(frozen=True)
class Footer:
    """A file's columns, its number of rows, and the bytes of each of its row groups or stripes.

    names: of all columns, including duplicates. types: the columns' Arrow types. int96: columns with INT96 times that
    Spark didn't write. instants: ORC columns with instants that Spark wrote. spark_fails: Spark can't open the file.
    """

    columns: Mapping[str, StoredType]
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    rows: int
    groups: tuple[int, ...]
    int96: frozenset[str] = frozenset()
    instants: frozenset[str] = frozenset()
    spark_fails: bool = False


def read_footer(form: str, file: RawFile) -> Footer:
    """Reads the footer. Raises DataError if the file is cut off or in another format."""
    try:
        with file.open() as handle:
            return _parquet(plain_metadata(handle)) if form == "parquet" else _orc(orc.ORCFile(handle), file)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if form == "parquet" and any(word in str(error).lower() for word in _NEWER):
            raise DataError("clean", file.ref, f"has a type that pyarrow {pa.__version__} doesn't know: {error}",
                            "write it without views and small decimals, or with store_schema=False, and half floats as "
                            "floats; or install a newer pyarrow") from error
        raise DataError("clean", file.ref, f"isn't a readable {NAMES[form]} file: {error}",
                        "land a whole file, then ingest again") from error


def plain_metadata(handle: BinaryIO) -> pq.FileMetaData:
    """The metadata of a Parquet file without Arrow's schema, so that pyarrow returns values in Parquet's types.

    pyarrow applies Arrow's schema inconsistently: not within maps, and it loses nulls in lists of a fixed size.
    """
    size = handle.seek(0, 2)
    tail = _last(handle, size, 1 << 16)
    if len(tail) < 12 or tail[-4:] != b"PAR1":
        raise ValueError("it doesn't end with PAR1")
    length = struct.unpack("<I", tail[-8:-4])[0] + 8
    if length + 4 > size:
        raise ValueError("its footer is longer than the file")
    metadata = (tail if length <= len(tail) else _last(handle, size, length))[-length:]
    return pq.read_metadata(pa.BufferReader(b"PAR1" + metadata.replace(b"ARROW:schema", _HIDDEN_SCHEMA)))


def _last(handle: BinaryIO, size: int, count: int) -> bytes:
    handle.seek(max(0, size - count))
    return handle.read(min(size, count))


def _parquet(metadata: pq.FileMetaData) -> Footer:
    notes = metadata.metadata or {}
    logical = _logical_types(metadata.schema, _SPARK in notes)
    by_spark = {field["name"]: field["type"]
                for field in json.loads(notes.get(_SPARK_SCHEMA, b"{}")).get("fields", ())}
    fields = _fields(metadata.schema.to_arrow_schema(), notes.get(_HIDDEN_SCHEMA))
    columns = {field.name: stored_type(field, logical, by_spark.get(field.name)) for field in fields}
    int96 = frozenset(name for name, column in columns.items() if any(
        part.label.startswith("INT96 (") for part in column.walk()))
    groups = (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return Footer(columns, tuple(field.name for field in fields), {field.name: field.type for field in fields},
                  metadata.num_rows, tuple(groups), int96)


def _fields(schema: pa.Schema, arrow_schema: bytes | None) -> list[pa.Field]:
    """The columns in Parquet's types, with metadata of Arrow's schema."""
    fields = list(schema)
    arrow = list(pa.ipc.read_schema(pa.BufferReader(base64.b64decode(arrow_schema)))) if arrow_schema else []
    if len(fields) != len(arrow):
        return fields
    return [with_arrow_metadata(field, other) for field, other in zip(fields, arrow, strict=True)]


def _logical_types(schema: Any, by_spark: bool) -> Iterator[str]:
    """Parquet's names for the leaves of the schema, in order; empty if the Arrow type is sufficient."""
    for number in range(len(schema)):
        leaf = schema.column(number)
        if leaf.physical_type == "INT96":
            # Spark, Hive and Impala write times as INT96; pyarrow returns nanoseconds.
            yield "INT96 of Spark" if by_spark else "INT96"
        else:
            yield _logical_type(leaf)


def _logical_type(leaf: Any) -> str:
    """INTERVAL is a former converted type. Java's writer now marks it as null, and pyarrow reads it as that."""
    logical = leaf.logical_type.type
    if leaf.converted_type == "INTERVAL" or (logical == "UNKNOWN" and leaf.physical_type == "FIXED_LEN_BYTE_ARRAY"):
        return "INTERVAL"
    return logical if logical in _LOGICAL_TYPES else ""


def _orc(opened: orc.ORCFile, file: RawFile) -> Footer:
    writer = str(opened.writer)
    columns = {field.name: as_orc(stored_type(field), writer) for field in opened.schema}
    zoned = any(part.label.startswith("timestamp[ns, ") for column in columns.values() for part in column.walk())
    stripes = max(1, opened.nstripes)
    types = {field.name: field.type for field in opened.schema}
    instants = frozenset(field.name for field in opened.schema if _has_instants(field))
    return Footer(columns, tuple(opened.schema.names), types, opened.nrows,
                  (file.file.bytes // stripes,) * opened.nstripes, instants=instants,
                  spark_fails=zoned and writer == "ORC_CPP")


def _has_instants(field: pa.Field) -> bool:
    """Whether Spark's metadata mark times in the column as instants."""
    inner = [field.type.field(number) for number in range(field.type.num_fields)]
    return (field.metadata or {}).get(b"spark.sql.catalyst.type") == b"timestamp" or any(map(_has_instants, inner))
