"""What the footer of a Parquet or ORC file says: its columns, its rows, and the groups in which they lie.

A truncated file is found here, since the footer stands at the end; damage within is found by who reads.
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

from laketrain.clean.reading.landed import RawFile
from laketrain.clean.reading.stored import Stored, in_orc, meant, stored
from laketrain.errors import DataError

NAMES = {"parquet": "Parquet", "orc": "ORC"}
_SPARK = b"org.apache.spark.version"
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
_NOTED = b"ARROW:absent"
"""The key of Arrow's own schema, made unknown to pyarrow."""
_TOLD_APART = {"UUID", "INTERVAL", "JSON", "ENUM", "BSON"}
_NEWER = ("recognized", "only supports", "not supported", "not implemented")
"""In what pyarrow says of a whole file that has a type which came after it."""


@dataclass(frozen=True)
class Footer:
    """A file's columns, its number of rows, and the bytes of each of its row groups or stripes.

    names: of all columns, also those that are there twice. types: what the columns are to Arrow. old_times: those with
    times of INT96 that Spark didn't write. instants: those of ORC with times of Spark's. foreign: whether Spark can't
    open it at all.
    """

    columns: Mapping[str, Stored]
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    rows: int
    groups: tuple[int, ...]
    old_times: frozenset[str] = frozenset()
    instants: frozenset[str] = frozenset()
    foreign: bool = False


def footer(form: str, file: RawFile) -> Footer:
    """Reads it. Raises DataError where the file is cut off, or of another format."""
    try:
        with file.open() as handle:
            return _parquet(plain_metadata(handle)) if form == "parquet" else _orc(orc.ORCFile(handle), file)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        if form == "parquet" and any(word in str(error).lower() for word in _NEWER):
            raise DataError("clean", file.ref, f"has a type that came after pyarrow {pa.__version__}: {error}",
                            "write it without views and small decimals, or with store_schema=False, and half floats as "
                            "floats; or install a newer pyarrow") from error
        raise DataError("clean", file.ref, f"is no readable {NAMES[form]} file: {error}",
                        "land a whole file, then ingest again") from error


def plain_metadata(handle: BinaryIO) -> pq.FileMetaData:
    """The footer of a Parquet file, by which values are read as Parquet has them. pyarrow applies the types that Arrow
    noted beside them to some only: to none within maps, and of lists of a fixed size it then reads no nulls."""
    size = handle.seek(0, 2)
    tail = _last(handle, size, 1 << 16)
    if len(tail) < 12 or tail[-4:] != b"PAR1":
        raise ValueError("it doesn't end as one does")
    length = struct.unpack("<I", tail[-8:-4])[0] + 8
    if length + 4 > size:
        raise ValueError("its footer is longer than the file")
    noted = (tail if length <= len(tail) else _last(handle, size, length))[-length:]
    return pq.read_metadata(pa.BufferReader(b"PAR1" + noted.replace(b"ARROW:schema", _NOTED)))


def _last(handle: BinaryIO, size: int, count: int) -> bytes:
    handle.seek(max(0, size - count))
    return handle.read(min(size, count))


def _parquet(metadata: pq.FileMetaData) -> Footer:
    own = metadata.metadata or {}
    logical = _logical(metadata.schema, _SPARK in own)
    by_spark = {field["name"]: field["type"] for field in json.loads(own.get(_SPARK_SCHEMA, b"{}")).get("fields", ())}
    fields = _meant(metadata.schema.to_arrow_schema(), own.get(_NOTED))
    columns = {field.name: stored(field, logical, by_spark.get(field.name)) for field in fields}
    old = frozenset(name for name, column in columns.items() if any(
        part.said.startswith("INT96 (") for part in column.within()))
    groups = (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return Footer(columns, tuple(field.name for field in fields), {field.name: field.type for field in fields},
                  metadata.num_rows, tuple(groups), old)


def _meant(schema: pa.Schema, noted: bytes | None) -> list[pa.Field]:
    """The columns as Parquet has them, with what Arrow noted of their meaning."""
    own = list(schema)
    arrow = list(pa.ipc.read_schema(pa.BufferReader(base64.b64decode(noted)))) if noted else []
    return [meant(field, note) for field, note in zip(own, arrow, strict=True)] if len(own) == len(arrow) else own


def _logical(schema: Any, by_spark: bool) -> Iterator[str]:
    """What Parquet calls its values, where Arrow's types don't tell; in the order in which they stand in the schema."""
    for number in range(len(schema)):
        leaf = schema.column(number)
        if leaf.physical_type == "INT96":
            # In which Spark, Hive and Impala write times; pyarrow calls them nanoseconds.
            yield "INT96 of Spark" if by_spark else "INT96"
        else:
            yield _name(leaf)


def _name(leaf: Any) -> str:
    """INTERVAL is of the names that types had before; Java's writer calls it null today, and so pyarrow reads it."""
    logical = leaf.logical_type.type
    if leaf.converted_type == "INTERVAL" or (logical == "UNKNOWN" and leaf.physical_type == "FIXED_LEN_BYTE_ARRAY"):
        return "INTERVAL"
    return logical if logical in _TOLD_APART else ""


def _orc(opened: orc.ORCFile, file: RawFile) -> Footer:
    writer = str(opened.writer)
    columns = {field.name: in_orc(stored(field), writer) for field in opened.schema}
    zoned = any(part.said.startswith("timestamp[ns, ") for column in columns.values() for part in column.within())
    stripes = max(1, opened.nstripes)
    types = {field.name: field.type for field in opened.schema}
    instants = frozenset(field.name for field in opened.schema if _has_instants(field))
    return Footer(columns, tuple(opened.schema.names), types, opened.nrows,
                  (file.file.bytes // stripes,) * opened.nstripes, instants=instants,
                  foreign=zoned and writer == "ORC_CPP")


def _has_instants(field: pa.Field) -> bool:
    """Whether Spark noted that times in the column are instants."""
    inner = [field.type.field(number) for number in range(field.type.num_fields)]
    return (field.metadata or {}).get(b"spark.sql.catalyst.type") == b"timestamp" or any(map(_has_instants, inner))
