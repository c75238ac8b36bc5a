"""Meshes of several ranks in threads of one process, connected over loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from laketrain.distributed.tcp.connect import connect, listen
from laketrain.distributed.tcp.mesh import Mesh

T = TypeVar("T")

TOKEN = "a token of this launch"


@contextlib.contextmanager
def meshes_of(size: int, timeout: float = 60.0, stall_seconds: float = 60.0) -> Iterator[list[Mesh]]:
    """The mesh of each of `size` ranks."""
    listeners = [listen("127.0.0.1") for _ in range(size)]
    addresses = [listener.getsockname()[:2] for listener in listeners]
    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(connect, rank, addresses, listeners[rank], TOKEN, 30.0) for rank in range(size)]
        meshes = [Mesh(rank, future.result(), timeout, stall_seconds) for rank, future in enumerate(futures)]
    try:
        yield meshes
    finally:
        for mesh in meshes:
            mesh.close()


def on_each(meshes: list[Mesh], task: Callable[[Mesh], T]) -> list[T]:
    """Run `task` on all ranks at once; the results in rank order."""
    with ThreadPoolExecutor(len(meshes)) as pool:
        return list(pool.map(task, meshes))


def errors_on_each(meshes: list[Mesh], task: Callable[[Mesh], object]) -> list[Exception | None]:
    """Run `task` on all ranks at once; what each raised, in rank order."""

    def attempt(mesh: Mesh) -> Exception | None:
        try:
            task(mesh)
        except Exception as error:
            return error
        return None

    return on_each(meshes, attempt)
