"""A store is what the lake needs of a storage: few verbs, of which one, `create`, is all-or-nothing and once.

    store = open_store("hdfs://namenode:8020/lake")
    store.create("clean/pixels/_log/00000000000000000001.json", b"{}")    # FileExistsError for everyone but the first

All paths are relative to the root. A store is a plain value: it pickles, and connects where it is first used.
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
    """One file: its path relative to the store's root, its bytes, its last change in seconds since 1970, UTC."""

    path: str
    size: int
    mtime: float


Files = list[FileInfo]
Names = list[str]
# Names of their own, as `list` is a verb inside the stores.


class Store(Protocol):
    """The verbs. LocalStore, HdfsStore and S3Store have them; `FileNotFoundError` says that a file is absent."""

    @property
    def root(self) -> str:
        """The lake's URL, or its absolute path where it is local."""

    def read(self, path: str) -> bytes:
        """The whole file."""

    def open(self, path: str) -> BinaryIO:
        """The file for reading, seekable, as pyarrow wants it."""

    def write(self, path: str, data: bytes) -> None:
        """A new file, its parents made; FileExistsError where there is one. May be seen half-written."""

    def create(self, path: str, data: bytes) -> None:
        """A new file that others see whole or not at all; FileExistsError for all callers but one, ever."""

    def list(self, dir: str, recursive: bool = False) -> Files:
        """The files in `dir`, sorted by path, without temporary ones; empty where `dir` is absent."""

    def temporary(self, dir: str) -> Files:
        """The temporary files under `dir`, which `list` hides: what killed creates left."""

    def dirs(self, dir: str) -> Names:
        """The names of the directories in `dir`, sorted; empty where `dir` is absent."""

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""

    def move(self, src: str, dst: str) -> None:
        """Renames a file or tree; FileExistsError where `dst` exists. On S3 a copy and a delete, not at one instant."""

    def delete(self, path: str) -> None:
        """Removes a file or tree; absent is fine."""

    def delete_empty(self, dir: str) -> None:
        """Removes a directory in which there is nothing, and leaves any other, also one that is filled at this
        instant. Where directories are only names, as on S3, there is nothing to do."""

    def sync(self, dir: str) -> None:
        """Returns when everything under `dir` would survive a power cut, as far as the storage promises that."""

    def local(self, path: str) -> str | None:
        """The path on this machine's disk, where it has one."""

    def url(self, path: str) -> str:
        """The URL by which Spark reads and writes it. Not percent-encoded: Hadoop doesn't decode."""

    def get(self, path: str, local_dir: str) -> str:
        """The path of a local copy of a file or tree, made in `local_dir` unless it is local already."""

    def put(self, local_path: str, path: str) -> None:
        """Copies a local file or tree into the lake, where `path` must not exist. Durable after `sync`."""


def visible(files: list[FileInfo], dir: str) -> list[FileInfo]:
    """`files` found in `dir` as `Store.list` gives them: sorted, without temporary ones."""
    return sorted((file for file in files if not is_temporary(file.path[len(dir):])), key=lambda file: file.path)


def hidden(files: list[FileInfo], dir: str) -> list[FileInfo]:
    """`files` found in `dir` as `Store.temporary` gives them."""
    return sorted((file for file in files if is_temporary(file.path[len(dir):])), key=lambda file: file.path)


def open_store(url: str | os.PathLike[str]) -> Store:
    """The store for a lake's URL: a path or `file:///…`, `hdfs://…`, `s3://bucket/prefix` (or s3a).

    Raises LakeError for other schemes, for credentials in the URL, and for characters that Spark reads as wildcards.
    """
    text = _checked(os.fspath(url))
    scheme, found, rest = text.partition("://")
    if not found:
        from laketrain.lake.local import LocalStore
        return LocalStore(str(Path(text).expanduser().absolute()))
    if scheme == "file":
        from laketrain.lake.local import LocalStore
        return LocalStore(_local_root(text, rest))
    if scheme in ("hdfs", "viewfs"):
        from laketrain.lake.hdfs import HdfsStore
        return HdfsStore(text.rstrip("/"))
    if scheme in ("s3", "s3a"):
        from laketrain.lake.s3 import S3Store
        return S3Store(f"s3://{rest.rstrip('/')}")
    raise LakeError("lake", f"lake {text!r}", f"got the scheme {scheme!r}, expected a path or one of "
                    f"{', '.join(SCHEMES)}", nearest(scheme, SCHEMES))


def _checked(url: str) -> str:
    if not url.strip():
        raise LakeError("lake", "the lake's URL", "is empty", "Give a directory, hdfs://host/path or s3://bucket/path.")
    if "://" in url and "@" in urlsplit(url.replace("[", "").replace("]", "")).netloc:
        # The URL is not shown: it may hold a password, and this text goes to logs.
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
