"""The parts of pyarrow's former `ParquetDataset` that Petastorm uses, over pyarrow's present API and fsspec.

A dataset is a directory of Parquet files, partitioned by directories such as `day=3`, or files in a list. Files and
directories whose names begin with `_` or `.` hold no rows; `_metadata` and `_common_metadata` have footers alone.
"""

from __future__ import annotations

import operator
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

PartitionKeys = list[tuple[str, int]]
"""Of a file: the column of each level, and the index of its value in the level's `keys`."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le,
    ">=": operator.ge, "in": lambda value, other: value in other, "not in": lambda value, other: value not in other,
}


@dataclass
class PartitionSet:
    """The values of one column that directories are named by."""

    name: str
    keys: list[str] = field(default_factory=list)

    def index(self, key: str) -> int:
        """The index of a value, which is added if it is new."""
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key)

    @property
    def dictionary(self) -> pa.Array:
        """The values as integers if all are integers, else as strings."""
        try:
            return pa.array([int(key) for key in self.keys], pa.int64())
        except ValueError:
            return pa.array(self.keys, pa.string())


class Partitions(list[PartitionSet]):
    """The levels of a dataset's directories."""

    @property
    def partition_names(self) -> set[str]:
        return {level.name for level in self}


class ParquetDatasetPiece:
    """A file, or one row group of it."""

    def __init__(self, path: str, open_file_func: Callable[..., Any] = open, file_options: Any = None,
                 row_group: int | None = None, partition_keys: PartitionKeys | None = None) -> None:
        self.path, self.row_group, self.partition_keys = path, row_group, partition_keys or []
        self._open = open_file_func

    def get_metadata(self) -> pq.FileMetaData:
        with self._open(self.path, "rb") as file:
            return pq.read_metadata(file)

    def read(self, columns: Sequence[str] | None = None, use_threads: bool = True,
             partitions: Partitions | None = None, file: pq.ParquetFile | None = None,
             use_pandas_metadata: bool = False) -> pa.Table:
        """The rows, with the values of `partitions` as further columns, which are dictionary-encoded."""
        chosen = {"columns": None if columns is None else list(columns), "use_threads": use_threads,
                  "use_pandas_metadata": use_pandas_metadata}
        if file is not None:
            table = self._rows(file, chosen)
        else:
            with self._open(self.path, "rb") as content:
                table = self._rows(pq.ParquetFile(content), chosen)
        levels = {level.name: level for level in partitions or ()}
        for name, index in self.partition_keys if levels else ():
            values = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(index, pa.int32()), len(table)),
                                                    levels[name].dictionary)
            table = table.append_column(name, values)
        return table

    def _rows(self, file: pq.ParquetFile, chosen: dict[str, Any]) -> pa.Table:
        return file.read(**chosen) if self.row_group is None else file.read_row_group(self.row_group, **chosen)


class ParquetDataset:
    """The pieces of a dataset, one a file, and its metadata.

    Args:
        path_or_paths: a directory, a file or a list of files, as `filesystem` names them.
        filesystem: of fsspec.
        filters: on partitions: (column, operator, value), all of a list, or any of several lists.
    """

    def __init__(self, path_or_paths: str | list[str], filesystem: Any = None, filters: Any = None,
                 **_ignored: Any) -> None:
        single = isinstance(path_or_paths, list) and len(path_or_paths) == 1
        self.paths = path_or_paths[0] if single else path_or_paths
        self.fs = fsspec.filesystem("file") if filesystem is None else filesystem
        self._levels = Partitions()
        self.pieces = list(self._find_pieces())
        self.partitions = self._levels or None
        # Files of a list have no directory in common.
        self.metadata_path = None if isinstance(self.paths, list) else f"{self.paths}/_metadata"
        self.metadata = self._read_metadata(self.metadata_path)
        self.common_metadata = self._read_metadata(self.metadata_path and f"{self.paths}/_common_metadata")
        if filters is not None:
            self.pieces = [piece for piece in self.pieces if self._is_chosen(piece, filters)]

    @property
    def schema(self) -> Any:
        """The Parquet schema, of the metadata or of the first file."""
        return (self.metadata or self.common_metadata or self.pieces[0].get_metadata()).schema

    def _find_pieces(self) -> Iterator[ParquetDatasetPiece]:
        if isinstance(self.paths, list):
            yield from (self._piece(path, []) for path in self.paths)
        elif self.fs.isdir(self.paths):
            yield from self._walk(self.paths.rstrip("/"), [])
        elif self.fs.exists(self.paths):
            yield self._piece(self.paths, [])
        else:
            raise FileNotFoundError(f"{self.paths}: no such file or directory")

    def _walk(self, directory: str, keys: PartitionKeys) -> Iterator[ParquetDatasetPiece]:
        entries = sorted(self.fs.ls(directory, detail=True), key=lambda entry: entry["name"])
        for entry in entries:
            path = entry["name"].rstrip("/")
            name = posixpath.basename(path)
            column, separator, key = name.partition("=")
            if name.startswith(".") or (name.startswith("_") and not separator):
                continue
            if entry["type"] != "directory":
                if not name.endswith((".crc", "_$folder$")) and path != directory:
                    yield self._piece(path, keys)
            else:
                level = [(column, self._level(len(keys), column).index(unquote(key)))] if separator else []
                yield from self._walk(path, keys + level)

    def _level(self, depth: int, column: str) -> PartitionSet:
        if depth == len(self._levels):
            self._levels.append(PartitionSet(column))
        if self._levels[depth].name != column:
            raise ValueError(f"{self.paths}: directories of one level are named by both {self._levels[depth].name} and "
                             f"{column}")
        return self._levels[depth]

    def _piece(self, path: str, keys: PartitionKeys) -> ParquetDatasetPiece:
        return ParquetDatasetPiece(path, open_file_func=self.fs.open, partition_keys=keys)

    def _read_metadata(self, path: str | None) -> pq.FileMetaData | None:
        if path is None or not self.fs.exists(path):
            return None
        with self.fs.open(path, "rb") as file:
            return pq.read_metadata(file)

    def _is_chosen(self, piece: ParquetDatasetPiece, filters: Any) -> bool:
        levels = {level.name: level.keys for level in self._levels}
        values = {name: levels[name][index] for name, index in piece.partition_keys}
        alternatives = [filters] if filters and isinstance(filters[0], tuple) else filters
        return any(all(_holds(values, *condition) for condition in conditions) for conditions in alternatives)


def _holds(values: dict[str, str], column: str, sign: str, other: Any) -> bool:
    """Whether a file's partition fulfils a condition. Values are compared in the type of `other`."""
    if column not in values:
        raise ValueError(f"Filters must be on partitions ({', '.join(values) or 'none'}), not on {column!r}")
    sample = next(iter(other)) if sign in ("in", "not in") else other
    return _OPERATORS[sign](type(sample)(values[column]), other)
