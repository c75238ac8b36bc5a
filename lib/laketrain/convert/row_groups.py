"""Writes a Parquet file in row groups of a set number of rows, and syncs them to disk while the next ones are made.

    file = RowGroupWriter(local_path, path, schema, rows=5000, durable=True)
    file.add(table)
    file.close()                                          # [5000, 5000, 1234]
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_CODEC = "snappy"
# The share of a column's first bytes that compression must save; with less it only costs time, in every epoch.
_WORTH = 0.1
_SAMPLE = 1 << 18


class RowGroupWriter:
    """Writes a file whose row groups have exactly `rows` rows; the last has the rest.

    The file is written to `local_path`; `path` is its path in the lake. With `durable` its bytes are synced to disk as
    they are written, so that the sync at commit, for which all other files wait, has little left to do.
    """

    def __init__(self, local_path: Path, path: str, schema: pa.Schema, rows: int, durable: bool) -> None:
        self.local_path, self.path, self._schema, self._rows = local_path, path, schema, rows
        self._writer: pq.ParquetWriter | None = None
        self._disk = _DiskSync(local_path) if durable else None
        self._waiting: list[pa.Table] = []
        self._count = 0
        self._sizes: list[int] = []

    def add(self, table: pa.Table) -> None:
        """Adds rows, and writes those that fill a row group."""
        self._waiting.append(table)
        self._count += table.num_rows
        while self._count >= self._rows:
            self._write(self._rows)

    def close(self) -> list[int]:
        """Writes the rest. Returns the number of rows of each row group."""
        if self._count:
            self._write(self._count)
        (self._writer or _writer(self.local_path, self._schema, self._schema.empty_table())).close()
        if self._disk is not None:
            self._disk.close()
        return self._sizes

    def _write(self, rows: int) -> None:
        table: Any = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = _writer(self.local_path, self._schema, table)
        self._writer.write_table(table.slice(0, rows), row_group_size=rows)
        self._sizes.append(rows)
        self._count -= rows
        self._waiting = [table.slice(rows)] if self._count else []
        if self._disk is not None:
            self._disk.send()


def _writer(path: Path, schema: pa.Schema, rows: pa.Table) -> pq.ParquetWriter:
    """A writer whose compression suits these rows."""
    # Pixels and keys hardly repeat as whole values: a dictionary costs time and saves nothing. Their minimum and
    # maximum help nobody, yet every footer would contain them in full.
    return pq.ParquetWriter(str(path), schema, use_dictionary=False, write_statistics=False, compression={
        name: _CODEC if _shrinks(rows.column(name)) else "none" for name in schema.names})


def _shrinks(column: pa.ChunkedArray) -> bool:
    """Whether compression saves enough of a column. Columns other than text and bytes are small, and are compressed."""
    kind = column.type
    if not (pa.types.is_binary(kind) or pa.types.is_string(kind)) or not len(column):
        return True
    rows = max(1, _SAMPLE * len(column) // max(1, column.nbytes))
    sample = b"".join(value if isinstance(value, bytes) else value.encode()
                      for value in column.slice(0, rows).to_pylist() if value is not None)
    return len(pa.compress(sample, _CODEC, asbytes=True)) <= (1 - _WORTH) * len(sample)


class _DiskSync:
    """Syncs the written part of a file to disk, in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "laketrain-sync")
        self._pending: Future[None] | None = None

    def send(self) -> None:
        """Returns at once; if a sync is still running, the next call syncs these bytes too."""
        if self._pending is None or self._pending.done():
            self._wait()
            self._pending = self._thread.submit(self._sync)

    def close(self) -> None:
        """Waits for the running sync.

        Raises:
            OSError: some bytes couldn't be written, e.g. because the disk is full.
        """
        self._thread.shutdown()
        self._wait()

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()

    def _sync(self) -> None:
        with self._path.open("rb") as file:
            os.fdatasync(file)
