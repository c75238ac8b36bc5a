"""The protocol of a storage that can hold a lake. Its operation `create` is atomic and exclusive.

    store = open_store("hdfs://namenode:8020/lake")
    store.create("clean/pixels/_log/00000000000000000001.json", b"{}")    # FileExistsError for all but the first caller

All paths are relative to the root. A store is a picklable value, and connects at its first use.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from laketrain.errors import LakeError, nearest
from laketrain.lake.paths import is_temporary

SCHEMES = ("file", "hdfs", "viewfs", "s3", "s3a")
_GLOB = "*?[]{}\\"


@dataclass(frozen=True)
class FileInfo:
    """A file: its path relative to the store's root, its size in bytes, its last change in seconds since 1970, UTC."""

    path: str
    size: int
    mtime: float


# Aliases, because `list` is a method inside the stores.
Files = list[FileInfo]
Names = list[str]


class Store(Protocol):
    """Implemented by LocalStore, HdfsStore and S3Store. All raise FileNotFoundError for a file that doesn't exist."""

    @property
    def root(self) -> str:
        """The lake's URL, or its absolute path if it is local."""

    def read(self, path: str) -> bytes:
        """Reads the whole file."""

    def open(self, path: str) -> BinaryIO:
        """Opens the file for reading. The result is seekable, as pyarrow needs it."""

    def write(self, path: str, data: bytes) -> None:
        """Writes a new file and its parent directories. Others may see it half-written. Raises FileExistsError if it
        exists."""

    def create(self, path: str, data: bytes) -> None:
        """Creates a file that others see complete or not at all. Raises FileExistsError for every caller but the
        first."""

    def list(self, dir: str, recursive: bool = False) -> Files:
        """The files in `dir`, sorted by path, without temporary ones; empty if `dir` doesn't exist."""

    def temporary(self, dir: str) -> Files:
        """The temporary files under `dir`, which `list` hides. Killed creates leave them."""

    def dirs(self, dir: str) -> Names:
        """The names of the directories in `dir`, sorted; empty if `dir` doesn't exist."""

    def exists(self, path: str) -> bool:
        """Whether the path is a file or a directory."""

    def move(self, src: str, dst: str) -> None:
        """Renames a file or tree. Raises FileExistsError if `dst` exists. On S3 this is a copy and a delete, not
        atomic."""

    def delete(self, path: str) -> None:
        """Removes a file or tree; does nothing if it doesn't exist."""

    def delete_empty(self, dir: str) -> None:
        """Removes a directory if it is empty, and never one that is being filled. Does nothing on S3, which has no
        directories."""

    def sync(self, dir: str) -> None:
        """Returns when everything under `dir` is durable, as far as the storage guarantees that."""

    def local(self, path: str) -> str | None:
        """The path on this machine's disk; None if it isn't local."""

    def url(self, path: str) -> str:
        """The URL for Spark. It isn't percent-encoded, because Hadoop doesn't decode URLs."""

    def get(self, path: str, local_dir: str) -> str:
        """Copies a file or tree to `local_dir`, unless it is local already, and returns its local path."""

    def put(self, local_path: str, path: str) -> None:
        """Copies a local file or tree to `path`, which must not exist. It is durable after `sync`."""


def visible(files: list[FileInfo], dir: str) -> list[FileInfo]:
    """`files` found in `dir` as `Store.list` gives them: sorted, without temporary ones."""
    return sorted((file for file in files if not is_temporary(file.path[len(dir):])), key=lambda file: file.path)


def hidden(files: list[FileInfo], dir: str) -> list[FileInfo]:
    """The temporary ones of `files` in `dir`, sorted, as `Store.temporary` returns them."""
    return sorted((file for file in files if is_temporary(file.path[len(dir):])), key=lambda file: file.path)


def open_store(url: str | os.PathLike[str]) -> Store:
    """The store for a lake's URL: a path or `file:///…`, `hdfs://…`, `s3://bucket/prefix` (or s3a).

    Raises LakeError for other schemes, for credentials in the URL, and for characters that are wildcards to Spark.
    """
    text = _check_url(os.fspath(url))
    scheme, separator, rest = text.partition("://")
    if not separator:
        from laketrain.lake.stores.local import LocalStore
        return LocalStore(str(Path(text).expanduser().absolute()))
    if scheme == "file":
        from laketrain.lake.stores.local import LocalStore
        return LocalStore(_local_root(text, rest))
    if scheme in ("hdfs", "viewfs"):
        from laketrain.lake.stores.hdfs import HdfsStore
        return HdfsStore(text.rstrip("/"))
    if scheme in ("s3", "s3a"):
        from laketrain.lake.stores.s3 import S3Store
        return S3Store(f"s3://{rest.rstrip('/')}")
    raise LakeError("lake", f"lake {text!r}", f"got the scheme {scheme!r}, expected a path or one of "
                    f"{', '.join(SCHEMES)}", nearest(scheme, SCHEMES))


def _check_url(url: str) -> str:
    if not url.strip():
        raise LakeError("lake", "the lake's URL", "is empty", "Give a directory, hdfs://host/path or s3://bucket/path.")
    if "://" in url and "@" in urlsplit(url.replace("[", "").replace("]", "")).netloc:
        # The message doesn't contain the URL: it may include a password, and messages are logged.
        raise LakeError("lake", "the lake's URL", "has credentials in it",
                        "Give them in the environment, e.g. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    wild = sorted({character for character in url if character in _GLOB})
    if wild or any(ord(character) < 32 for character in url):
        raise LakeError("lake", f"lake {url!r}", f"has {' '.join(wild) or 'control characters'} in it, which Spark "
                        "would take for a pattern", "Choose a path without them.")
    if ".." in url.split("/"):
        raise LakeError("lake", f"lake {url!r}", "has '..' in it", "Give the directory itself.")
    return url


def _local_root(text: str, rest: str) -> str:
    host, _, path = rest.partition("/")
    if host not in ("", "localhost"):
        raise LakeError("lake", f"lake {text!r}", f"names the host {host!r}, but file: is this machine's disk",
                        f"Write file:///{rest}.")
    return str(Path(f"/{path}"))
