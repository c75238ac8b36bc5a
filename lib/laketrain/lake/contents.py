"""What lies in a draft: listed with its rows before the commit, and checked against what the commit declares.

    files = found_files(store, draft.path())
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
from laketrain.lake.store import FileInfo, Store
from laketrain.lake.version import DataFile

_FOOTERS_AT_ONCE = 8
_CHUNK = 1 << 20
_SHOWN = 3


def found_files(store: Store, data: str) -> list[DataFile]:
    """Every data file under `data`, with rows and row groups from the footers of those that end in .parquet.

    Raises LakeError naming the first Parquet file that is truncated or damaged.
    """
    infos = data_files(store, data)
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return list(pool.map(lambda info: _described(store, data, info), infos))


def verify_files(store: Store, data: str, declared: Sequence[DataFile]) -> None:
    """Raises LakeError where a declared file is absent or of another size, or where a file is not declared.

    The latter because Spark and Petastorm read directories: a stray file would be trained on.
    """
    there = {_relative(info, data): info.size for info in data_files(store, data)}
    wanted = {file.path: file.bytes for file in declared}
    wrong = [f"{path} (declared {wanted[path]} bytes, found {there.get(path, 'none')})"
             for path in wanted if there.get(path) != wanted[path]]
    if wrong:
        raise LakeError("lake", f"commit of {data}", f"declared files differ from what is stored: {_some(wrong)}",
                        "The write did not finish; run the stage again.")
    stray = sorted(there.keys() - wanted.keys())
    if stray:
        raise LakeError("lake", f"commit of {data}", f"holds files that it does not declare: {_some(stray)}",
                        "Declare or delete them: readers of the directory would read them.")


def verify_rows(store: Store, data: str, declared: Sequence[DataFile]) -> None:
    """Raises LakeError where a Parquet file's footer holds other rows or row groups than declared: a second witness,
    beside the writer that counted what came in."""
    wanted = [file for file in declared if file.rows is not None]
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        found = pool.map(lambda file: _described(store, data, FileInfo(f"{data}/{file.path}", file.bytes, 0.0)), wanted)
        wrong = [f"{file.path} (declared {file.rows} rows, its footer says {there.rows})"
                 for file, there in zip(wanted, found, strict=True)
                 if (file.rows, file.row_groups) != (there.rows, there.row_groups)]
    if wrong:
        raise LakeError("lake", f"commit of {data}", f"declared rows differ from what is stored: {_some(wrong)}",
                        "The write did not finish; run the stage again.")


def crc32_of(file: BinaryIO) -> int:
    """Of all the bytes from where the file stands."""
    value = 0
    while chunk := file.read(_CHUNK):
        value = isal_zlib.crc32(chunk, value)
    return value


def data_files(store: Store, data: str) -> list[FileInfo]:
    """The files under `data` that are part of the data: not checksums, success marks and Spark's attempts."""
    return [info for info in store.list(data, recursive=True) if _is_data(_relative(info, data))]


def _is_data(path: str) -> bool:
    *folders, name = path.split("/")
    return not name.startswith(".") and name != "_SUCCESS" and "_temporary" not in folders \
        and not any(folder.startswith(".") for folder in folders)


def _relative(info: FileInfo, data: str) -> str:
    return info.path[len(data) + 1:]


def _described(store: Store, data: str, info: FileInfo) -> DataFile:
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


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
