"""A cache of decoded images on the machine's own disk, for repeated training on the same dataset.

    cache = DecodedCache("/local/cache", budget=20 << 30)
    cache.get("features/x/data/…/part-00000.parquet", 3, "image")     # (n, 224, 224, 3) uint8, or None
    cache.put(…, pixels)

Each feature of a row group is one `.npy` file without pickles. Files of a version never change, so an entry never
expires. A file is renamed once it is complete, so a killed rank leaves no incomplete entry.
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
"""A `.part` file that hasn't been written to for so long belongs to a killed rank."""
SLOW_CODECS = ("png", "jpeg")
"""Decoding these takes far longer than reading the pixels from a disk."""


class DecodedCache:
    """Entries under `folder`; at most `budget` more bytes are written. Errors of the disk disable it silently."""

    def __init__(self, folder: str | Path, budget: int) -> None:
        self._folder, self._budget = Path(folder), budget
        self._lock = threading.Lock()

    @classmethod
    def of(cls, config: Cache, ranks: int = 1) -> DecodedCache:
        """With a rank's share of the free space in the cache, as all ranks may share a machine."""
        folder = Path(config.folder)
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = sum(map(_size, [*folder.glob("*.npy"), *folder.glob("*.part")]))
        return cls(folder, max(0, int(config.gb * 2**30) - used) // ranks)

    def accepts(self, feature: Feature) -> bool:
        """Whether caching this feature saves time."""
        return feature.storage("").codec in SLOW_CODECS

    def get(self, file: str, group: int, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
            ) -> npt.NDArray[Any] | None:
        """The row group's decoded feature; None if it is missing, damaged, or of another shape or dtype."""
        try:
            values: npt.NDArray[Any] = np.load(self._path(file, group, name), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return values if values.shape == shape and values.dtype == dtype else None

    def put(self, file: str, group: int, name: str, values: npt.NDArray[Any]) -> None:
        """Stores it if the budget allows."""
        with self._lock:
            if values.nbytes > self._budget:
                return
            self._budget -= values.nbytes
        path = self._path(file, group, name)
        partial = path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            with partial.open("xb") as target:
                np.save(target, values, allow_pickle=False)
            os.replace(partial, path)
        except OSError:
            self._budget = 0  # the disk is full or not writable: train without the cache
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _path(self, file: str, group: int, name: str) -> Path:
        digest = hashlib.sha256(f"{file}|{group}|{name}".encode()).hexdigest()
        return self._folder / f"{digest[:40]}.npy"


def _size(file: Path) -> int:
    """Size in bytes; 0 if the file was removed meanwhile. Deletes an old `.part` file, which a killed rank left."""
    with contextlib.suppress(OSError):
        status = file.stat()
        if file.suffix != ".part" or time.time() - status.st_mtime < _ABANDONED_S:
            return status.st_size
        file.unlink()
    return 0
