"""Images and audio: a row a file, with its path, its folder, its bytes.

The version's entry already lists the files with their sizes. So nothing is listed again, what is empty or too large is
refused unread, and the files are cut into parts of about equal work, few for many small files, without looking at them.
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

from laketrain.clean.reading.base import Reading, marked
from laketrain.clean.reading.landed import RawFile
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.lake import Store

PART = 32 << 20
"""Bytes of work in a part: a task's worth that is over in seconds."""
OPENING = 16 << 10
"""What opening a file costs, in bytes read meanwhile: 20,000 tiny files are ten parts."""
BATCH = 8 << 20
"""Bytes in one Arrow batch, a file's worth more where the last one is large."""
_READS_AT_ONCE = 8

_ROWS = pa.schema([("path", pa.string()), ("folder", pa.string()), ("content", pa.binary()), ("bytes", pa.int64()),
                   ("_place", pa.string()), ("_problem", pa.string())])
_COLUMNS = T.StructType([T.StructField("path", T.StringType()), T.StructField("folder", T.StringType()),
                         T.StructField("content", T.BinaryType()), T.StructField("bytes", T.LongType())])

_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ",
           b"\xff\x4f\xff", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"\0\0\x01\0", b"qoif", b"\xff\x0a", b"8BPS")
_BOXED = (b"WEBP", b"avif", b"heic", b"mif1")
_AUDIO = (b"fLaC",)
_RIFF = (b"RIFF", b"RIFX", b"RF64")


@dataclass(frozen=True)
class _File:
    """A value to be shipped: where the file lies in the lake, what its row says of it."""

    path: str
    original: str
    folder: str
    size: int


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """A row for each file. One that is empty, too large, or of no format of its kind is there as rejected."""
    store, form, most = files[0].version.lake.store, source.format, source.max_file_mb << 20
    shipped = [_shipped(file) for file in files]
    _refuse_same_paths(files, shipped)
    parts = cut([file.size if file.size <= most else 0 for file in shipped])

    types = T.StructType([*_COLUMNS.fields, T.StructField("_place", T.StringType()),
                          T.StructField("_problem", T.StringType())])
    task = partial(_rows, store, form, most, shipped, parts)
    frame = spark.range(0, len(parts), 1, len(parts)).mapInArrow(task, types)
    told = F.to_json(F.struct("path", "bytes"))
    return Reading(marked(frame, _COLUMNS.names, file=F.col("_place"), came=told, problem=F.col("_problem")), _COLUMNS,
                   rows=len(files))


def _rows(store: Store, form: str, most: int, files: Sequence[_File], parts: Sequence[tuple[int, int]],
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the parts whose numbers come in."""
    for batch in batches:
        for part in batch.column("id").to_pylist():
            start, stop = parts[part]
            yield from _batches(store, files[start:stop], form, most)


def cut(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring files in parts of about PART bytes: their [start, stop). Always the same cut of the same files."""
    parts, start, load = [], 0, 0
    for index, size in enumerate(sizes):
        load += size + OPENING
        if load >= PART:
            parts.append((start, index + 1))
            start, load = index + 1, 0
    if start < len(sizes):
        parts.append((start, len(sizes)))
    return parts


def foreign(form: str, head: bytes) -> bool:
    """Whether a file that begins with `head` (16 bytes or more) is of no known format of images, or of audio."""
    if form == "audio":
        return not (head.startswith(_AUDIO) or (head[:4] in _RIFF and head[8:12] == b"WAVE"))
    return not (head.startswith(_IMAGES) or head[8:12] in _BOXED)


def _shipped(file: RawFile) -> _File:
    original = file.original
    around = f"{file.manifest.base}{original}".split("/")
    return _File(file.path, original, around[-2] if len(around) > 1 else "", file.file.bytes)


def _refuse_same_paths(files: Sequence[RawFile], shipped: Sequence[_File]) -> None:
    """Paths tell rows apart; two versions of one source may have been landed from different places."""
    first: dict[str, RawFile] = {}
    for file, sent in zip(files, shipped, strict=True):
        if sent.original in first:
            raise DataError("clean", file.ref, f"has the path {sent.original} of {first[sent.original].ref}",
                            "land both from one directory, so that their paths differ")
        first[sent.original] = file


def _batches(store: Store, files: Sequence[_File], form: str, most: int) -> Iterator[pa.RecordBatch]:
    """The files' rows, at most a few of them in memory at once."""
    rows: list[tuple[object, ...]] = []
    size = 0
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        for group in _groups(files, most):
            for file, (content, problem) in zip(group, pool.map(lambda file: _content(store, file, form, most), group),
                                                strict=True):
                rows.append((file.original, file.folder, content, file.size, file.original, problem))
                size += len(content or b"")
            if size >= BATCH:
                yield _batch(rows)
                rows, size = [], 0
    if rows:
        yield _batch(rows)


def _groups(files: Sequence[_File], most: int) -> Iterator[list[_File]]:
    """Files that are read together: some for their number, few where they are large."""
    group: list[_File] = []
    size = 0
    for file in files:
        group.append(file)
        size += min(file.size, most)
        if size >= BATCH or len(group) >= 256:
            yield group
            group, size = [], 0
    if group:
        yield group


def _content(store: Store, file: _File, form: str, most: int) -> tuple[bytes | None, str | None]:
    """The file's bytes, or why it isn't read, or both where they are no such file's."""
    if file.size == 0:
        return None, "is empty"
    if file.size > most:
        return None, f"has {file.size} bytes, more than max_file_mb allows ({most >> 20} MiB)"
    content = store.read(file.path)
    if foreign(form, _head(form, content)):
        return None, f"is no {'image' if form == 'images' else 'WAV or FLAC'} file: it begins with {_shown(content)}"
    return content, None


def _head(form: str, content: bytes) -> bytes:
    """The first bytes that say what a file is; behind the tag that a FLAC may have in front."""
    if form != "audio" or not content.startswith(b"ID3"):
        return content[:16]
    from laketrain.features.codecs.id3 import id3_end  # loads all features, and few files need it

    start = id3_end(content)
    return content[start : start + 16]


def _shown(content: bytes) -> str:
    return json.dumps(content[:12].decode("latin-1"))


def _batch(rows: Sequence[tuple[object, ...]]) -> pa.RecordBatch:
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), _ROWS.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=_ROWS)
