"""PySpark's daemon of Python workers, with two waits less in each task. Spark starts it by its name:

    spark.python.daemon.module: laketrain.spark.daemon

A worker drops Python's import caches before each task, and the zip archive of PySpark is then read anew, some 80 ms.
And Linux delays an acknowledgement by 40 ms, while Spark holds back the rest of what it sends until that has come.
"""

from __future__ import annotations

import os
import socket
import sys
import zipimport
from collections.abc import Callable
from typing import Any, BinaryIO

import pyspark.daemon

_Stamp = tuple[int, int]
_Main = Callable[[BinaryIO, BinaryIO], Any]


def read_archives_once() -> None:
    """Makes zip archives that are imported from be read anew only when they have changed."""
    read = zipimport.zipimporter.invalidate_caches
    archives = [finder.archive for finder in sys.path_importer_cache.values()
                if isinstance(finder, zipimport.zipimporter)]
    seen = {archive: _stamp(archive) for archive in archives}

    def invalidate(importer: zipimport.zipimporter) -> None:
        stamp = _stamp(importer.archive)
        if stamp is None or seen.get(importer.archive) != stamp:
            read(importer)
            seen[importer.archive] = stamp

    zipimport.zipimporter.invalidate_caches = invalidate  # type: ignore[assignment]


def answering_at_once(main: _Main) -> _Main:
    """`main`, a worker's, with what comes from Spark acknowledged without delay, where the system can do that."""

    def answering(infile: BinaryIO, outfile: BinaryIO) -> Any:
        with socket.socket(fileno=os.dup(infile.fileno())) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return main(infile, outfile)

    return answering if hasattr(socket, "TCP_QUICKACK") else main


def _stamp(archive: str) -> _Stamp | None:
    try:
        found = os.stat(archive)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


if __name__ == "__main__":
    read_archives_once()
    pyspark.daemon.worker_main = answering_at_once(pyspark.daemon.worker_main)
    pyspark.daemon.manager()
