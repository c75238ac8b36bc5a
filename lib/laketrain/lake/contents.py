"""Lists the data files of a draft, and checks them against what its commit declares.

    files = list_data_files(store, draft.path())
    verify_files(store, draft.path(), files)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from isal import isal_zlib

from laketrain.errors import LakeError
from laketrain.lake.stores import FileInfo, Store
from laketrain.lake.version import DataFile

_FOOTERS_AT_ONCE = 8
_CHUNK = 1 << 20
_SHOWN = 3


def list_data_files(store: Store, data: str) -> list[DataFile]:
    """Every data file under `data`; those ending in .parquet with the rows and row groups from their footers.

    Raises LakeError naming the first Parquet file that is truncated or damaged.
    """
    infos = _data_infos(store, data)
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return list(pool.map(lambda info: _data_file(store, data, info), infos))


def verify_files(store: Store, data: str, declared: Sequence[DataFile]) -> None:
    """Raises LakeError where a declared file is missing or has another size, and where a file isn't declared.

    Spark and Petastorm read whole directories, so an undeclared file would be trained on.
    """
    actual = {_relative(info, data): info.size for info in _data_infos(store, data)}
    expected = {file.path: file.bytes for file in declared}
    wrong = [f"{path} (declared {expected[path]} bytes, found {actual.get(path, 'none')})"
             for path in expected if actual.get(path) != expected[path]]
    if wrong:
        raise LakeError("lake", f"commit of {data}", f"declared files differ from what is stored: {_first_few(wrong)}",
                        "The write did not finish; run the stage again.")
    undeclared = sorted(actual.keys() - expected.keys())
    if undeclared:
        raise LakeError("lake", f"commit of {data}", "contains files that it doesn't declare: "
                        f"{_first_few(undeclared)}",
                        "Declare or delete them: readers of the directory would read them.")


def verify_rows(store: Store, data: str, declared: Sequence[DataFile]) -> None:
    """Raises LakeError where a Parquet footer has other rows or row groups than declared. Independent of the writer's
    own count of its input."""
    expected = [file for file in declared if file.rows is not None]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        actual = pool.map(lambda file: _data_file(store, data, FileInfo(f"{data}/{file.path}", file.bytes, 0.0)),
                          expected)
        wrong = [f"{file.path} (declared {file.rows} rows, its footer has {stored.rows})"
                 for file, stored in zip(expected, actual, strict=True)
                 if (file.rows, file.row_groups) != (stored.rows, stored.row_groups)]
    if wrong:
        raise LakeError("lake", f"commit of {data}", f"declared rows differ from what is stored: {_first_few(wrong)}",
                        "The write did not finish; run the stage again.")


def crc32_of(file: BinaryIO) -> int:
    """The CRC-32 of all bytes from the file's current position."""
    value = 0
    while chunk := file.read(_CHUNK):
        value = isal_zlib.crc32(chunk, value)
    return value


def _data_infos(store: Store, data: str) -> list[FileInfo]:
    """The data files under `data`, without checksums, success markers and Spark's temporary files."""
    return [info for info in store.list(data, recursive=True) if _is_data(_relative(info, data))]


def _is_data(path: str) -> bool:
    *folders, name = path.split("/")
    return not name.startswith(".") and name != "_SUCCESS" and "_temporary" not in folders \
        and not any(folder.startswith(".") for folder in folders)


def _relative(info: FileInfo, data: str) -> str:
    return info.path[len(data) + 1:]


def _data_file(store: Store, data: str, info: FileInfo) -> DataFile:
    path = _relative(info, data)
    if not path.endswith(".parquet"):
        return DataFile(path=path, bytes=info.size)
    try:
        with store.open(info.path) as file:
            footer = pq.ParquetFile(file).metadata
    except (pa.ArrowException, OSError, EOFError) as error:
        raise LakeError("lake", f"Parquet file {info.path}", f"is truncated or damaged ({info.size} bytes): {error}",
                        "Write it again.") from error
    groups = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
    return DataFile(path=path, bytes=info.size, rows=footer.num_rows, row_groups=groups)


def _first_few(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
