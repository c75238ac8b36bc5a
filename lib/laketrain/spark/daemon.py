"""PySpark's daemon of Python workers, with two delays less in each task. Spark starts it by this setting:

    spark.python.daemon.module: laketrain.spark.daemon

Before each task a worker invalidates Python's import caches, so that PySpark's zip archive is read again, for some
80 ms. And Linux delays an acknowledgement by 40 ms, while Spark waits for it before it sends the rest.
"""

from __future__ import annotations

import os
import socket
import sys
import zipimport
from collections.abc import Callable
from typing import Any, BinaryIO

import pyspark.daemon

from laketrain import petastorm_compat

_Stamp = tuple[int, int]
_Main = Callable[[BinaryIO, BinaryIO], Any]


def read_archives_once() -> None:
    """Patches zipimport so that an archive is read again only after it has changed."""
    invalidate_caches = zipimport.zipimporter.invalidate_caches
    archives = [finder.archive for finder in sys.path_importer_cache.values()
                if isinstance(finder, zipimport.zipimporter)]
    seen = {archive: _stamp(archive) for archive in archives}

    def invalidate_if_changed(importer: zipimport.zipimporter) -> None:
        stamp = _stamp(importer.archive)
        if stamp is None or seen.get(importer.archive) != stamp:
            invalidate_caches(importer)
            seen[importer.archive] = stamp

    zipimport.zipimporter.invalidate_caches = invalidate_if_changed  # type: ignore[assignment]


def with_quick_ack(main: _Main) -> _Main:
    """A worker's `main` that acknowledges Spark's data without delay, where the operating system supports it."""

    def quick_ack_main(infile: BinaryIO, outfile: BinaryIO) -> Any:
        with socket.socket(fileno=os.dup(infile.fileno())) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return main(infile, outfile)

    return quick_ack_main if hasattr(socket, "TCP_QUICKACK") else main


def _stamp(archive: str) -> _Stamp | None:
    """The archive's change time in nanoseconds and its size in bytes; None where it is gone."""
    try:
        status = os.stat(archive)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


if __name__ == "__main__":
    petastorm_compat.install()  # functions of users' Spark jobs may import Petastorm
    read_archives_once()
    pyspark.daemon.worker_main = with_quick_ack(pyspark.daemon.worker_main)
    pyspark.daemon.manager()
