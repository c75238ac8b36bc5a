"""The model that a training begins with: pinned by the driver, loaded by each rank.

    pinned = pin_source(lake, "models/mnist")        # "models/mnist@3"
    model = load_source(lake.url, pinned)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.errors import LakeError
from laketrain.lake import Lake

if TYPE_CHECKING:
    import keras

_ENDING = ".keras"


def pin_source(lake: Lake, source: str) -> str:
    """`source` with the number of its version. A file's URL stays as it is.

    Raises:
        LakeError: it is neither; the lake has no such model.
    """
    return source if source.endswith(_ENDING) else lake.version(source).ref


def source_parent(pinned: str) -> dict[str, int]:
    """The version of the lake that a pinned source is: it stays while what began with it does. None for a file."""
    table, _, number = pinned.partition("@")
    return {} if pinned.endswith(_ENDING) else {table: int(number)}


def source_content(lake: Lake, source: str) -> str:
    """What tells one source's content from another's, for fingerprints: a version's ref, a file's checksum."""
    if not source.endswith(_ENDING):
        return lake.version(source).ref
    from laketrain.lake.contents import crc32_of
    from laketrain.lake.stores.remote import filesystem_of

    with _opened(source):
        filesystem, path = filesystem_of(source)
        with filesystem.open(path, "rb") as file:
            return f"{source}, {crc32_of(file):08x}"


def load_source(lake: str, source: str) -> keras.Model:
    """The model. Raises LakeError where it can't be read or could run code."""
    from laketrain.train.checkpoint import load_model
    from laketrain.train.saved import load_saved

    if not source.endswith(_ENDING):
        return load_model(Lake(lake).version(source))
    from laketrain.lake.stores.remote import filesystem_of

    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder, _opened(source):
        local = Path(folder) / f"source{_ENDING}"
        filesystem, path = filesystem_of(source)
        with filesystem.open(path, "rb") as file:
            local.write_bytes(file.read())
        return load_saved(str(local), source)


@contextmanager
def _opened(source: str) -> Iterator[None]:
    """Turns what a file system raises into an error that names the source."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise LakeError("train", f"init_from {source!r}", f"can't be read ({error})",
                        "name models/<name> or the URL of a .keras file that executors can read") from error
