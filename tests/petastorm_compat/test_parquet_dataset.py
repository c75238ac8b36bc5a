"""The old `ParquetDataset` has the files and rows that pyarrow's present one has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from laketrain.petastorm_compat.parquet_dataset import ParquetDataset

ROWS = pa.table({"number": list(range(24)), "day": [index % 3 for index in range(24)],
                 "town": [f"town {index % 2}" for index in range(24)]})


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Two levels of directories, with what Spark also leaves there."""
    pq.write_to_dataset(ROWS, tmp_path, partition_cols=["day", "town"], row_group_size=2)
    for name in ("_SUCCESS", ".part.crc", "_temporary/part-00000.parquet", ".hidden/part-00000.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no Parquet")
    return str(tmp_path)


def rows_of(dataset: ParquetDataset) -> list[dict[str, Any]]:
    rows = [row for piece in dataset.pieces for row in piece.read(partitions=dataset.partitions).to_pylist()]
    return sorted(rows, key=lambda row: row["number"])


def test_all_rows_have_the_values_of_their_directories(folder: str) -> None:
    dataset = ParquetDataset(folder)
    assert dataset.partitions is not None and dataset.partitions.partition_names == {"day", "town"}
    expected = ds.dataset(folder, partitioning="hive").to_table().sort_by("number").to_pylist()
    assert rows_of(dataset) == expected


@pytest.mark.parametrize(("filters", "expression"), [
    ([("day", "=", 1)], ds.field("day") == 1),
    ([("day", ">=", 1), ("town", "!=", "town 0")], (ds.field("day") >= 1) & (ds.field("town") != "town 0")),
    ([[("day", "in", [0])], [("town", "=", "town 1")]], (ds.field("day") == 0) | (ds.field("town") == "town 1")),
    ([("day", "not in", {0, 1})], ds.field("day") == 2),
])
def test_filters_choose_partitions(folder: str, filters: Any, expression: Any) -> None:
    chosen = ds.dataset(folder, partitioning="hive").to_table(filter=expression)["number"].to_pylist()
    assert [row["number"] for row in rows_of(ParquetDataset(folder, filters=filters))] == sorted(chosen)


def test_a_filter_on_another_column_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match=r"on partitions \(day, town\), not on 'number'"):
        ParquetDataset(folder, filters=[("number", "=", 1)])


def test_a_piece_can_be_a_row_group(folder: str) -> None:
    piece = ParquetDataset(folder).pieces[0]
    piece.row_group = 1
    assert piece.get_metadata().num_row_groups == 2
    assert piece.read(columns=["number"]).to_pydict() == {"number": [12, 18]}


def test_footers_alone_are_metadata_and_hold_no_rows(folder: str) -> None:
    plain = ParquetDataset(folder)
    assert (plain.metadata, plain.common_metadata) == (None, None)
    schema = pa.schema([("number", pa.int64())], {"key": "value"})
    pq.write_metadata(schema, f"{folder}/_common_metadata")
    dataset = ParquetDataset(folder)
    assert dataset.common_metadata.metadata[b"key"] == b"value"
    assert dataset.schema.names == ["number"]
    assert len(dataset.pieces) == len(plain.pieces) == 6


def test_files_of_a_list_are_the_pieces(folder: str) -> None:
    paths = [piece.path for piece in ParquetDataset(folder).pieces[:2]]
    assert [piece.path for piece in ParquetDataset(paths).pieces] == paths
    assert [piece.path for piece in ParquetDataset(paths[:1]).pieces] == paths[:1]


def test_a_missing_path_and_mixed_levels_raise(folder: str) -> None:
    with pytest.raises(OSError, match="no such file or directory"):
        ParquetDataset(f"{folder}/missing")
    (Path(folder) / "hour=1").mkdir()
    with pytest.raises(ValueError, match="of one level are named by both day and hour"):
        ParquetDataset(folder)
