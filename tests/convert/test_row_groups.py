"""Writing a dataset's Parquet file in row groups."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.convert.row_groups import RowGroupWriter

SCHEMA = pa.schema([("image", pa.binary()), ("label", pa.int64())])


def rows_of(images: list[bytes], first: int = 0) -> pa.Table:
    return pa.table({"image": images, "label": range(first, first + len(images))}, schema=SCHEMA)


def written(path: Path, images: list[bytes], rows: int = 4) -> pq.FileMetaData:
    file = RowGroupWriter(path, "part", SCHEMA, rows, durable=True)
    file.add(rows_of(images))
    file.close()
    return pq.read_metadata(path)


@given(pieces=st.lists(st.integers(0, 9), min_size=1, max_size=6), rows=st.integers(1, 7), durable=st.booleans())
def test_row_groups_have_their_size_for_any_batches(
        tmp_path_factory: pytest.TempPathFactory, pieces: list[int], rows: int, durable: bool) -> None:
    path = tmp_path_factory.mktemp("groups") / "a.parquet"
    file = RowGroupWriter(path, "part", SCHEMA, rows, durable)
    starts = np.cumsum([0, *pieces])
    for start, piece in zip(starts, pieces, strict=False):
        file.add(rows_of([b"x%d" % row for row in range(start, start + piece)], int(start)))
    sizes = file.close()
    footer = pq.read_metadata(path)
    assert sizes == [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
    assert all(size == rows for size in sizes[:-1]) and all(0 < size <= rows for size in sizes)
    assert sum(sizes) == sum(pieces)
    table = pq.read_table(path)
    assert table["label"].to_pylist() == list(range(sum(pieces)))
    assert table["image"].to_pylist() == [b"x%d" % row for row in range(sum(pieces))]


def test_a_column_that_doesn_t_shrink_isn_t_compressed(tmp_path: Path) -> None:
    noise = [np.random.default_rng(row).bytes(3000) for row in range(8)]
    flat = [bytes(3000)] * 8
    kinds = [written(tmp_path / name, images).row_group(0).column(0).compression
             for name, images in (("noise.parquet", noise), ("flat.parquet", flat))]
    assert kinds == ["UNCOMPRESSED", "SNAPPY"]
    assert pq.read_table(tmp_path / "noise.parquet")["image"].to_pylist() == noise


@pytest.mark.parametrize("images", [[b""] * 3, [b"x" * (1 << 20)], []], ids=["empty values", "one large", "no rows"])
def test_unusual_columns_are_written(tmp_path: Path, images: list[bytes]) -> None:
    assert written(tmp_path / "a.parquet", images).num_rows == len(images)
    assert pq.read_table(tmp_path / "a.parquet")["image"].to_pylist() == images


def test_a_full_disk_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path / "a.parquet", [b"x"] * 9)
