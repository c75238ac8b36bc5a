"""Cores, memory, a GPU, and the lake."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from laketrain.doctor.check import Check, aside, installed, within, without_secrets
from laketrain.doctor.software import TENSORFLOWS

LAKE_SECONDS = 30
GIB = 2**30
DRIVER_GIB, RANK_GIB = 3, 1.5
"""What Spark's driver with its Python, and one rank with TensorFlow, take at the least."""


def cores(ranks: int) -> Check:
    """Enough cores for the ranks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if ranks > cores:
        return Check("cores", None, f"{cores} here for {ranks} ranks", f"train with {cores} ranks, or on a cluster")
    return Check("cores", True, str(cores))


def memory(ranks: int) -> Check:
    """Enough memory for Spark and the ranks."""
    total, needed = _memory_bytes() / GIB, DRIVER_GIB + RANK_GIB * ranks
    found = f"{total:.1f} GiB"
    if total < needed:
        return Check("memory", None, f"{found} here; {ranks} ranks and Spark take {needed:.1f} GiB or more",
                     "fewer ranks, or a larger machine")
    return Check("memory", True, found)


def _memory_bytes() -> int:
    """The machine's memory, or the container's where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(limit).read_text()))
        except (OSError, ValueError):  # absent, or `max`
            continue
    return total


def gpu() -> Check:
    """A GPU, and a TensorFlow that would use it."""
    code, said = aside(["nvidia-smi", "-L"], 30)
    if code or "GPU" not in said:
        return Check("gpu", True, "none: models train on the CPU")
    name, _ = installed(TENSORFLOWS)
    if name == "tensorflow-cpu":
        return Check("gpu", None, f"{said}, but TensorFlow's CPU build is installed", "LAKETRAIN_DEVICE=gpu make setup")
    return Check("gpu", True, said)


def lake(url: str) -> Check:
    """Creates, reads and deletes a small object there; a local lake that is still to be made is not made for it."""
    from laketrain.lake import open_store

    shown = without_secrets(url)
    store = open_store(url)
    probe = f"doctor-{uuid.uuid4().hex}"
    local = store.local(probe)
    if local and not Path(local).parent.exists():
        nearest = next(path for path in Path(local).parent.parents if path.exists())
        if os.access(nearest, os.W_OK):
            return Check("lake", True, f"{shown} is not there yet; it can be made")
        return Check("lake", False, f"{shown} is not there, and {nearest} can't be written to", "name another lake")

    def prove() -> None:
        try:
            store.create(probe, b"laketrain")
            if store.read(probe) != b"laketrain":
                raise OSError("what was read is not what was written")
        finally:
            store.delete(probe)

    trouble = within(LAKE_SECONDS, prove)
    if trouble:
        return Check("lake", False, f"{shown}: {trouble}", "check the URL, the credentials and that the service is up")
    return Check("lake", True, f"{shown} can be read and written")
