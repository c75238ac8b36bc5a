"""Checks of cores, memory, the GPU and the lake."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from laketrain.doctor.check import Check, installed, run_process, run_with_timeout, without_secrets
from laketrain.imports import TENSORFLOW_PACKAGES

LAKE_SECONDS = 30
GIB = 2**30
DRIVER_GIB, RANK_GIB = 3, 1.5
"""The least memory of Spark's driver with its Python, and of a rank with TensorFlow."""


def cores(ranks: int) -> Check:
    """Enough cores for the ranks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if ranks > cores:
        return Check("cores", None, f"{cores} here for {ranks} ranks", f"train with {cores} ranks, or on a cluster")
    return Check("cores", True, str(cores))


def memory(ranks: int) -> Check:
    """Enough memory for Spark and the ranks."""
    total, needed = _memory_bytes() / GIB, DRIVER_GIB + RANK_GIB * ranks
    available = f"{total:.1f} GiB"
    if total < needed:
        return Check("memory", None, f"{available} here; {ranks} ranks and Spark need {needed:.1f} GiB or more",
                     "use fewer ranks, or a larger machine")
    return Check("memory", True, available)


def _memory_bytes() -> int:
    """The machine's memory, or the container's if that is less, in bytes."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(limit).read_text()))
        except (OSError, ValueError):  # absent, or `max`
            continue
    return total


def gpu() -> Check:
    """A GPU, and a TensorFlow that can use it."""
    code, output = run_process(["nvidia-smi", "-L"], 30)
    if code or "GPU" not in output:
        return Check("gpu", True, "none: models train on the CPU")
    name, _ = installed(TENSORFLOW_PACKAGES)
    if name == "tensorflow-cpu":
        return Check("gpu", None, f"{output}, but TensorFlow's CPU build is installed",
                     "LAKETRAIN_DEVICE=gpu make setup")
    return Check("gpu", True, output)


def lake(url: str) -> Check:
    """Creates, reads and deletes a small object in the lake. A local lake that doesn't exist yet isn't made."""
    from laketrain.lake import open_store

    shown = without_secrets(url)
    store = open_store(url)
    probe = f"doctor-{uuid.uuid4().hex}"
    local = store.local(probe)
    if local and not Path(local).parent.exists():
        nearest = next(path for path in Path(local).parent.parents if path.exists())
        if os.access(nearest, os.W_OK):
            return Check("lake", True, f"{shown} doesn't exist yet; it can be made")
        return Check("lake", False, f"{shown} doesn't exist, and {nearest} can't be written to", "name another lake")

    def write_and_read() -> None:
        try:
            store.create(probe, b"laketrain")
            if store.read(probe) != b"laketrain":
                raise OSError("other bytes were read than written")
        finally:
            store.delete(probe)

    problem = run_with_timeout(LAKE_SECONDS, write_and_read)
    if problem:
        return Check("lake", False, f"{shown}: {problem}", "check the URL, the credentials and that the service is up")
    return Check("lake", True, f"{shown} can be read and written")
