"""A Parquet file of a dataset as it grows: row groups of a set number of rows, on their way to the disk while the next
ones are made.

    file = RowGroups(place, path, schema, rows=5000, durable=True)
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
# What compression must save of a column's first bytes, or it is only work: for the writer, and in every epoch.
_WORTH = 0.1
_SAMPLE = 1 << 18


class RowGroups:
    """A file whose row groups have exactly `rows` rows, the last one what is left. It is written at `place`, and `path`
    in the lake. With `durable` its bytes are sent to the disk as they come: the sync of the commit, which every other
    file waits for, then finds little to do."""

    def __init__(self, place: Path, path: str, schema: pa.Schema, rows: int, durable: bool) -> None:
        self.place, self.path, self._schema, self._rows = place, path, schema, rows
        self._writer: pq.ParquetWriter | None = None
        self._disk = _Disk(place) if durable else None
        self._waiting: list[pa.Table] = []
        self._count = 0
        self._sizes: list[int] = []

    def add(self, table: pa.Table) -> None:
        """Takes some more rows, and writes those that fill a row group."""
        self._waiting.append(table)
        self._count += table.num_rows
        while self._count >= self._rows:
            self._write(self._rows)

    def close(self) -> list[int]:
        """Writes the rest; the rows of each row group."""
        if self._count:
            self._write(self._count)
        (self._writer or _writer(self.place, self._schema, self._schema.empty_table())).close()
        if self._disk is not None:
            self._disk.close()
        return self._sizes

    def _write(self, rows: int) -> None:
        table: Any = pa.concat_tables(self._waiting)
        if self._writer is None:
            self._writer = _writer(self.place, self._schema, table)
        self._writer.write_table(table.slice(0, rows), row_group_size=rows)
        self._sizes.append(rows)
        self._count -= rows
        self._waiting = [table.slice(rows)] if self._count else []
        if self._disk is not None:
            self._disk.send()


def _writer(place: Path, schema: pa.Schema, rows: pa.Table) -> pq.ParquetWriter:
    """A file for more rows like these."""
    # The bytes of pixels and keys hardly repeat as whole values: a dictionary costs time and saves nothing.
    # Nor do their minimum and maximum help anyone, yet they would stand in full in every footer.
    return pq.ParquetWriter(str(place), schema, use_dictionary=False, write_statistics=False, compression={
        name: _CODEC if _shrinks(rows.column(name)) else "none" for name in schema.names})


def _shrinks(column: pa.ChunkedArray) -> bool:
    """Whether compression saves enough of a column; what is no text or bytes is small, and compressed."""
    kind = column.type
    if not (pa.types.is_binary(kind) or pa.types.is_string(kind)) or not len(column):
        return True
    rows = max(1, _SAMPLE * len(column) // max(1, column.nbytes))
    sample = b"".join(value if isinstance(value, bytes) else value.encode()
                      for value in column.slice(0, rows).to_pylist() if value is not None)
    return len(pa.compress(sample, _CODEC, asbytes=True)) <= (1 - _WORTH) * len(sample)


class _Disk:
    """Sends what was written of a file to the disk, in a thread of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._thread = ThreadPoolExecutor(1, "laketrain-sync")
        self._sent: Future[None] | None = None

    def send(self) -> None:
        """Returns at once; where the disk is still busy, the next call takes these bytes along."""
        if self._sent is None or self._sent.done():
            self._wait()
            self._sent = self._thread.submit(self._sync)

    def close(self) -> None:
        """Waits for what is under way.

        Raises:
            OSError: the disk refused some bytes, e.g. since it is full.
        """
        self._thread.shutdown()
        self._wait()

    def _wait(self) -> None:
        if self._sent is not None:
            self._sent.result()

    def _sync(self) -> None:
        with self._place.open("rb") as file:
            os.fdatasync(file)
