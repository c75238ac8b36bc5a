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

import pyspark.daemon

from laketrain import petastorm_compat

_Stamp = tuple[int, int]
_Worker = Callable[[socket.socket, bool], int]


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


def with_quick_ack(worker: _Worker) -> _Worker:
    """PySpark's `worker`, which runs a task, with data acknowledged without delay where the system supports it."""

    def quick_ack_worker(sock: socket.socket, authenticated: bool) -> int:
        if sock.family in (socket.AF_INET, socket.AF_INET6):  # later PySparks can use Unix sockets
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return worker(sock, authenticated)

    return quick_ack_worker if hasattr(socket, "TCP_QUICKACK") else worker


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
    pyspark.daemon.worker = with_quick_ack(pyspark.daemon.worker)  # type: ignore[assignment]
    pyspark.daemon.manager()
