"""Images and audio: one row per file, with its path, folder and bytes.

The version's entry lists the files with their sizes. So nothing is listed again, and empty or too large files are
rejected without being read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import Reading, with_metadata
from laketrain.clean.reading.file_tasks import BATCH, split_by_size
from laketrain.clean.reading.raw_files import RawFile
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.lake import Store

_READS_AT_ONCE = 8

_ROWS = pa.schema([("path", pa.string()), ("folder", pa.string()), ("content", pa.binary()), ("bytes", pa.int64()),
                   ("_file", pa.string()), ("_problem", pa.string())])
_COLUMNS = T.StructType([T.StructField("path", T.StringType()), T.StructField("folder", T.StringType()),
                         T.StructField("content", T.BinaryType()), T.StructField("bytes", T.LongType())])

_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ",
           b"\xff\x4f\xff", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"\0\0\x01\0", b"qoif", b"\xff\x0a", b"8BPS")
_BOXED = (b"WEBP", b"avif", b"heic", b"mif1")
_AUDIO = (b"fLaC",)
_RIFF = (b"RIFF", b"RIFX", b"RF64")


@dataclass(frozen=True)
class _File:
    """What a task needs to know about a file. path: in the lake. original, folder, size: for its row."""

    path: str
    original: str
    folder: str
    size: int


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """A row for each file. Files that are empty, too large, or of an unknown format are rejected rows."""
    store, form, limit = files[0].version.lake.store, source.format, source.max_file_mb << 20
    sent = [_file(file) for file in files]
    _refuse_same_paths(files, sent)
    groups = split_by_size([file.size if file.size <= limit else 0 for file in sent])

    types = T.StructType([*_COLUMNS.fields, T.StructField("_file", T.StringType()),
                          T.StructField("_problem", T.StringType())])
    task = partial(_rows, store, form, limit, sent, groups)
    frame = spark.range(0, len(groups), 1, len(groups)).mapInArrow(task, types)
    record = F.to_json(F.struct("path", "bytes"))
    rows = with_metadata(frame, _COLUMNS.names, file=F.col("_file"), original=record, problem=F.col("_problem"))
    return Reading(rows, _COLUMNS, rows=len(files))


def _rows(store: Store, form: str, limit: int, files: Sequence[_File], groups: Sequence[tuple[int, int]],
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the groups of files whose numbers are in `batches`."""
    for batch in batches:
        for group in batch.column("id").to_pylist():
            start, stop = groups[group]
            yield from _batches(store, files[start:stop], form, limit)


def is_unknown_format(form: str, head: bytes) -> bool:
    """Whether a file that starts with `head` (16 bytes or more) isn't in a known format of images or audio."""
    if form == "audio":
        return not (head.startswith(_AUDIO) or (head[:4] in _RIFF and head[8:12] == b"WAVE"))
    return not (head.startswith(_IMAGES) or head[8:12] in _BOXED)


def _file(file: RawFile) -> _File:
    original = file.original
    parts = f"{file.manifest.base}{original}".split("/")
    return _File(file.path, original, parts[-2] if len(parts) > 1 else "", file.file.bytes)


def _refuse_same_paths(files: Sequence[RawFile], sent: Sequence[_File]) -> None:
    """Raises DataError if two files have the same path: two versions may come from different directories."""
    first: dict[str, RawFile] = {}
    for file, row in zip(files, sent, strict=True):
        if row.original in first:
            raise DataError("clean", file.ref, f"has the path {row.original} of {first[row.original].ref}",
                            "ingest both from one directory, so that their paths differ")
        first[row.original] = file


def _batches(store: Store, files: Sequence[_File], form: str, limit: int) -> Iterator[pa.RecordBatch]:
    """The files' rows. Only a few files are in memory at once."""
    rows: list[tuple[object, ...]] = []
    size = 0
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        for group in _groups(files, limit):
            contents = pool.map(lambda file: _content(store, file, form, limit), group)
            for file, (content, problem) in zip(group, contents, strict=True):
                rows.append((file.original, file.folder, content, file.size, file.original, problem))
                size += len(content or b"")
            if size >= BATCH:
                yield _batch(rows)
                rows, size = [], 0
    if rows:
        yield _batch(rows)


def _groups(files: Sequence[_File], limit: int) -> Iterator[list[_File]]:
    """Groups of files that are read concurrently."""
    group: list[_File] = []
    size = 0
    for file in files:
        group.append(file)
        size += min(file.size, limit)
        if size >= BATCH or len(group) >= 256:
            yield group
            group, size = [], 0
    if group:
        yield group


def _content(store: Store, file: _File, form: str, limit: int) -> tuple[bytes | None, str | None]:
    """The file's bytes, or why it is rejected."""
    if file.size == 0:
        return None, "is empty"
    if file.size > limit:
        return None, f"has {file.size} bytes, more than max_file_mb allows ({limit >> 20} MiB)"
    content = store.read(file.path)
    if is_unknown_format(form, _head(form, content)):
        kind = "an image" if form == "images" else "a WAV or FLAC"
        return None, f"isn't {kind} file: it begins with {_quoted(content)}"
    return content, None


def _head(form: str, content: bytes) -> bytes:
    """The first bytes, which identify the format; after an ID3 tag, which a FLAC file may start with."""
    if form != "audio" or not content.startswith(b"ID3"):
        return content[:16]
    from laketrain.features.codecs.id3 import id3_end  # loads all features, and few files need it

    start = id3_end(content)
    return content[start : start + 16]


def _quoted(content: bytes) -> str:
    return json.dumps(content[:12].decode("latin-1"))


def _batch(rows: Sequence[tuple[object, ...]]) -> pa.RecordBatch:
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), _ROWS.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=_ROWS)
