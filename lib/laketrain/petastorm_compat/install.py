"""Adds what Petastorm needs and newer libraries have dropped, at the moment when Petastorm is imported.

pyarrow lost `pyarrow.filesystem`, `pyarrow.hdfs` and `pyarrow.localfs`, and the old form of `ParquetDataset`; NumPy 2
lost `unicode_` and `string_`; PySpark lost `serializers._restore`, which schemas pickled before Petastorm 0.7.6 name.
Names are added to these libraries only where they lack them. Only Petastorm's modules see the old `ParquetDataset`:
pandas and others keep pyarrow's own.
"""

from __future__ import annotations

import collections
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_WORKER = "laketrain.petastorm_compat.worker"


def install() -> None:
    """Makes `import petastorm` work, and its readers, writers and Spark converter. Call it before that import.

    It costs nothing until Petastorm is imported. A second call does nothing.
    """
    if not any(isinstance(finder, _PetastormFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PetastormFinder())


class _PetastormFinder(MetaPathFinder):
    """Finds Petastorm's modules as Python does, and mends them when they are imported."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None,
                  ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != "petastorm":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        if not name:
            _complete_libraries()
        elif name in _MENDS and _is_new_pyarrow():
            _mend_after(spec.loader, _MENDS[name])
        return spec


def _mend_after(loader: Any, mend: Callable[[Any], None]) -> None:
    execute = loader.exec_module

    def execute_and_mend(module: ModuleType) -> None:
        execute(module)
        mend(module)

    loader.exec_module = execute_and_mend


def _is_new_pyarrow() -> bool:
    import pyarrow.parquet

    return not hasattr(pyarrow.parquet, "ParquetDatasetPiece")


def _complete_libraries() -> None:
    _complete_pyspark()
    _complete_numpy()
    if _is_new_pyarrow():
        _complete_pyarrow()


def _complete_pyspark() -> None:
    from pyspark import serializers

    if not hasattr(serializers, "_restore"):
        serializers._restore = _restore


def _restore(name: str, fields: Any, values: Any) -> Any:
    """Rebuilds a named tuple that an old PySpark pickled."""
    return collections.namedtuple(name, fields)(*values)  # noqa: PYI024  # of unknown types


def _complete_numpy() -> None:
    import numpy as np

    for name, scalar_type in (("unicode_", np.str_), ("string_", np.bytes_)):
        if name not in vars(np):
            setattr(np, name, scalar_type)


def _complete_pyarrow() -> None:
    """Petastorm reads buckets by fsspec already. Local files and HDFS are now fsspec's too."""
    import fsspec
    import pyarrow as pa
    from fsspec.implementations.local import LocalFileSystem

    filesystem: Any = ModuleType("pyarrow.filesystem")
    filesystem.LocalFileSystem = pa.LocalFileSystem = LocalFileSystem
    pa.localfs = fsspec.filesystem("file")
    hdfs: Any = ModuleType("pyarrow.hdfs")
    hdfs.HadoopFileSystem, hdfs.connect = fsspec.get_filesystem_class("hdfs"), _connect
    pa.filesystem, pa.hdfs = filesystem, hdfs
    sys.modules.update({module.__name__: module for module in (filesystem, hdfs)})
    if not hasattr(pa.lib, "ArrowIOError"):
        pa.lib.ArrowIOError = OSError


def _connect(host: str = "default", port: int = 0, user: str | None = None, driver: str = "libhdfs") -> Any:
    """HDFS by pyarrow's client, which has one driver, libhdfs: `driver` changes nothing."""
    import fsspec

    return fsspec.filesystem("hdfs", host=host, port=port, user=user)


def _use_old_parquet(module: Any) -> None:
    module.pq = _OldParquet()


class _OldParquet(ModuleType):
    """`pyarrow.parquet`, with the old classes."""

    def __init__(self) -> None:
        super().__init__("pyarrow.parquet")
        from laketrain.petastorm_compat.parquet_dataset import ParquetDataset, ParquetDatasetPiece

        self.ParquetDataset, self.ParquetDatasetPiece = ParquetDataset, ParquetDatasetPiece

    def __getattr__(self, name: str) -> Any:
        import pyarrow.parquet

        return getattr(pyarrow.parquet, name)

    def __reduce__(self) -> tuple[Callable[[], _OldParquet], tuple[()]]:
        return _old_parquet, ()


def _old_parquet() -> _OldParquet:
    """The module of a function of Petastorm's that Spark sends to a Python worker, which may not import Petastorm."""
    _complete_libraries()
    return _OldParquet()


def _mend_row_reader(module: Any) -> None:
    """Rows contain None for a string that is null: pandas 3 has NaN there."""
    import numpy as np

    _use_old_parquet(module)
    worker = module.PyDictReaderWorker
    read = worker._read_with_shuffle_row_drop

    def read_rows(self: Any, *arguments: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = read(self, *arguments)
        strings = {name for name, field in self._schema.fields.items() if field.numpy_dtype is np.str_}
        return [{name: None if name in strings and value != value else value for name, value in row.items()}
                for row in rows]

    worker._read_with_shuffle_row_drop = read_rows


def _use_own_processes(module: Any) -> None:
    module.exec_in_new_process = _start_process


def _start_process(function: Any, *arguments: Any, **keywords: Any) -> subprocess.Popen[bytes]:
    """Starts a worker of Petastorm's process pool in a process that calls `install`."""
    import dill

    with tempfile.NamedTemporaryFile(suffix="runnable", delete=False) as file:
        dill.dump((function, arguments, keywords), file)
    return subprocess.Popen([sys.executable, "-m", _WORKER, file.name])


_MENDS: dict[str, Callable[[Any], None]] = {
    **dict.fromkeys(("reader", "arrow_reader_worker", "etl.dataset_metadata", "etl.metadata_util",
                     "etl.rowgroup_indexing", "etl.petastorm_generate_metadata"), _use_old_parquet),
    "py_dict_reader_worker": _mend_row_reader,
    "workers_pool.process_pool": _use_own_processes,
}
"""What is changed in a module of Petastorm after it was imported."""
