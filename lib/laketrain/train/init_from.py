"""The model that `init_from` names, whose weights a training starts with. The driver pins it, each rank loads it.

    pinned = pin_source(lake, "models/mnist")        # "models/mnist@3"
    networks = load_source(lake.url, pinned)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.models.networks import Networks

_SUFFIX = ".keras"


def pin_source(lake: Lake, source: str) -> str:
    """`source` with its version number. The URL of a file stays unchanged.

    Raises:
        LakeError: the lake has no such model.
    """
    return source if source.endswith(_SUFFIX) else lake.version(source).ref


def source_parent(pinned: str) -> dict[str, int]:
    """The pinned model as a parent of the new version, so that it is retained as long. Empty for a file."""
    table, _, number = pinned.partition("@")
    return {} if pinned.endswith(_SUFFIX) else {table: int(number)}


def source_content(lake: Lake, source: str) -> str:
    """Identifies the source's content in fingerprints: a version's ref, or a file's checksum."""
    if not source.endswith(_SUFFIX):
        return lake.version(source).ref
    from laketrain.lake.contents import crc32_of
    from laketrain.lake.stores.remote import filesystem_of

    with _naming_the_source(source):
        filesystem, path = filesystem_of(source)
        with filesystem.open(path, "rb") as file:
            return f"{source}, {crc32_of(file):08x}"


def load_source(lake: str, source: str) -> Networks:
    """The networks of the pinned source. Raises LakeError where it can't be read or could run code."""
    from laketrain.models.saving import load_networks, load_saved

    if not source.endswith(_SUFFIX):
        return load_networks(Lake(lake).version(source))
    from laketrain.lake.stores.remote import filesystem_of

    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder, _naming_the_source(source):
        local = Path(folder) / f"source{_SUFFIX}"
        filesystem, path = filesystem_of(source)
        with filesystem.open(path, "rb") as file:
            local.write_bytes(file.read())
        return Networks.of(load_saved(str(local), source))


@contextmanager
def _naming_the_source(source: str) -> Iterator[None]:
    """Turns errors of a file system into one that names the source."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise LakeError("train", f"init_from {source!r}", f"can't be read ({error})",
                        "name models/<name> or the URL of a .keras file that executors can read") from error
