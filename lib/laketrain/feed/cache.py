"""Decoded images of a dataset on the machine's own disk, for those who train on it again and again.

    cache = DecodedCache("/local/cache", room=20 << 30)
    cache.get("features/x/data/…/part-00000.parquet", 3, "image")     # (n, 224, 224, 3) uint8, or None
    cache.put(…, pixels)

A row group's feature is one `.npy` file, of numbers alone: nothing is pickled. Files of versions never change, so an
entry never has to be renewed; one that a killed rank left half written has another name, and is never seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.config.train import Cache
from laketrain.features.base import Feature

_ABANDONED_S = 3600.0
"""How long nothing is written to a file that is still being written."""
SLOW = ("png", "jpeg")
"""Codecs of which decoding takes far longer than reading the pixels from a disk."""


class DecodedCache:
    """Entries under `folder`; at most `room` bytes more are written. What can't be read or written is done without."""

    def __init__(self, folder: str | Path, room: int) -> None:
        self._folder, self._room = Path(folder), room
        self._lock = threading.Lock()

    @classmethod
    def of(cls, config: Cache, ranks: int = 1) -> DecodedCache:
        """What `config` allows a rank: of the room that is left, its part, as ranks may share a machine."""
        folder = Path(config.folder)
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = sum(map(_size, [*folder.glob("*.npy"), *folder.glob("*.part")]))
        return cls(folder, max(0, int(config.gb * 2**30) - taken) // ranks)

    def holds(self, feature: Feature) -> bool:
        """Whether it is worth a place."""
        return feature.storage("").codec in SLOW

    def get(self, file: str, group: int, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
            ) -> npt.NDArray[Any] | None:
        """The row group's decoded feature, of just this shape and dtype; None where it isn't there, or is damaged."""
        try:
            found: npt.NDArray[Any] = np.load(self._path(file, group, name), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found if found.shape == shape and found.dtype == dtype else None

    def put(self, file: str, group: int, name: str, values: npt.NDArray[Any]) -> None:
        """Keeps it, if there is room."""
        with self._lock:
            if values.nbytes > self._room:
                return
            self._room -= values.nbytes
        path = self._path(file, group, name)
        partial = path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            with partial.open("xb") as target:
                np.save(target, values, allow_pickle=False)
            os.replace(partial, path)
        except OSError:
            self._room = 0  # the disk is full, or not ours: the rank goes on without
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _path(self, file: str, group: int, name: str) -> Path:
        digest = hashlib.sha256(f"{file}|{group}|{name}".encode()).hexdigest()
        return self._folder / f"{digest[:40]}.npy"


def _size(file: Path) -> int:
    """Its bytes; 0 where it is gone, as people and other ranks may remove it. What a killed rank left half written, no
    other rank is at by now, and it goes."""
    with contextlib.suppress(OSError):
        status = file.stat()
        if file.suffix != ".part" or time.time() - status.st_mtime < _ABANDONED_S:
            return status.st_size
        file.unlink()
    return 0
