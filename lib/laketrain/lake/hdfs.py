"""The lake on HDFS, spoken natively: no JVM, no libhdfs.

    HdfsStore("hdfs://namenode:8020/lake").create("a/b.json", b"{}")

`create` writes a temporary file beside, closes it, and renames it without overwrite: the NameNode lets one writer have
the name. Creating under the final name would not do, as readers would see it empty until its writer closes it.
Where the URL names a nameservice, or no host, the client reads HADOOP_CONF_DIR, as Hadoop's own does.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, urlsplit

from laketrain.errors import LakeError
from laketrain.lake.paths import TEMPORARY, check_new_path, check_path
from laketrain.lake.store import FileInfo, Files, Names, hidden, visible

_BUFFER = 1 << 20
_COPY = 8 << 20
_PATIENCE_S = 10


@dataclass(frozen=True)
class HdfsStore:
    """Files under `root`, hdfs://host:port/path."""

    root: str

    def read(self, path: str) -> bytes:
        with self._explained(path):
            return cast(bytes, self._client().read(self._path(path)).read())

    def open(self, path: str) -> BinaryIO:
        with self._explained(path):
            return cast(BinaryIO, io.BufferedReader(_Reader(self._client().read(self._path(path))), _BUFFER))

    def write(self, path: str, data: bytes) -> None:
        self._write(self._path(check_new_path(path)), io.BytesIO(data), path)

    def create(self, path: str, data: bytes) -> None:
        target = self._path(check_new_path(path))
        temporary = f"{posixpath.dirname(target)}/{TEMPORARY}{uuid.uuid4().hex}"
        try:
            self._write(temporary, io.BytesIO(data), path)
            self._rename(temporary, target, path)
        finally:
            self._remove(temporary)

    def list(self, dir: str, recursive: bool = False) -> Files:
        return visible(self._files(dir, recursive), dir)

    def temporary(self, dir: str) -> Files:
        return hidden(self._files(dir, True), dir)

    def dirs(self, dir: str) -> Names:
        return sorted(posixpath.basename(found.path) for found in self._statuses(dir, False) if found.isdir)

    def exists(self, path: str) -> bool:
        with self._explained(path):
            return self._status(self._path(path)) is not None

    def move(self, src: str, dst: str) -> None:
        source, target = self._path(src), self._path(check_new_path(dst))
        with self._explained(dst):
            self._client().mkdirs(posixpath.dirname(target), create_parent=True)
        self._rename(source, target, dst)

    def delete(self, path: str) -> None:
        with self._explained(path):
            self._remove(self._path(path))

    def sync(self, dir: str) -> None:
        """Nothing to do: a closed file has reached all of its DataNodes."""
        check_path(dir)

    def local(self, path: str) -> str | None:
        check_path(path)
        return None

    def url(self, path: str) -> str:
        return f"{self.root}/{check_path(path)}"

    def get(self, path: str, local_dir: str) -> str:
        target = Path(local_dir, posixpath.basename(path))
        with self._explained(path):
            found = self._status(self._path(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such file in the lake", path)
        if not found.isdir:
            self._download(path, target)
        else:
            target.mkdir(parents=True, exist_ok=True)
            for file in self.list(path, recursive=True):
                self._download(file.path, target / file.path[len(path) + 1:])
        return str(target)

    def put(self, local_path: str, path: str) -> None:
        target = self._path(check_new_path(path))
        if self.exists(path):
            raise FileExistsError(errno.EEXIST, "exists already", path)
        source = Path(local_path)
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file():
                rel = f"/{file.relative_to(source).as_posix()}" if source.is_dir() else ""
                with open(file, "rb") as content:
                    self._write(f"{target}{rel}", content, path)

    def _client(self) -> Any:
        scheme, _, rest = self.root.partition("://")
        return _client_of(f"{scheme}://{rest.partition('/')[0]}", os.getpid())

    @property
    def _base(self) -> str:
        path = self.root.partition("://")[2].partition("/")[2]
        return f"/{path}" if path else ""

    def _path(self, path: str) -> str:
        return f"{self._base}/{check_path(path)}"

    def _write(self, target: str, content: BinaryIO, path: str) -> None:
        from hdfs_native import WriteOptions

        with self._explained(path):
            writer = self._client().create(target, WriteOptions(overwrite=False, create_parent=True))
            # Always closed: an open writer at the interpreter's end can abort it.
            with writer:
                for piece in iter(lambda: content.read(_COPY), b""):
                    writer.write(piece)

    def _rename(self, source: str, target: str, path: str) -> None:
        with self._explained(path):
            try:
                self._client().rename(source, target, False)
            except FileNotFoundError:
                raise
            except Exception as error:
                # The client has no error of its own for a taken name in every version of HDFS: look.
                if self._status(target) is not None:
                    raise FileExistsError(errno.EEXIST, "exists already", path) from error
                raise

    def _remove(self, target: str) -> None:
        with suppress(FileNotFoundError):
            self._client().delete(target, True)

    def _status(self, target: str) -> Any:
        try:
            return self._client().get_file_info(target)
        except FileNotFoundError:
            return None

    def _statuses(self, dir: str, recursive: bool) -> Iterator[Any]:
        with self._explained(dir):
            try:
                yield from self._client().list_status(self._path(dir), recursive)
            except FileNotFoundError:
                return

    def _files(self, dir: str, recursive: bool) -> Files:
        skip = len(self._base) + 1
        # Asked for a file, HDFS lists that file; a directory's listing is meant.
        return [FileInfo(found.path[skip:], found.length, found.modification_time / 1000)
                for found in self._statuses(dir, recursive) if not found.isdir and found.path != self._path(dir)]

    def _download(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            with self.open(path) as source, open(temporary, "xb") as copy:
                shutil.copyfileobj(source, copy, _COPY)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, FileNotFoundError, LakeError):
            raise
        except Exception as error:
            raise LakeError("lake", f"{path!r} in {self.root}", f"HDFS failed: {_first_line(error)}",
                            "Check that the NameNode is reachable and that you may write there; behind a nameservice, "
                            "set HADOOP_CONF_DIR.") from error


class _Reader(io.RawIOBase):
    """A file of hdfs-native as Python's io wants its raw files: with readinto, and closed when closed."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._inner.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: len(self._inner)}[whence]
        # HDFS refuses to stand behind the end; files elsewhere don't, and read nothing there.
        self._inner.seek(min(base + offset, len(self._inner)))
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        piece = self._inner.read(min(len(buffer), len(self._inner) - self.tell()))
        buffer[:len(piece)] = piece
        return len(piece)


def _first_line(error: Exception) -> str:
    """Of its message: a NameNode's whole Java stack comes with it."""
    return str(error).replace("\\n", "\n").partition("\n")[0] or type(error).__name__


@cache
def _client_of(url: str, _process: int) -> Any:
    """The process's client: its threads don't survive a fork, by which Spark makes its Python workers."""
    from hdfs_native import Client

    _knock(urlsplit(url))
    return Client(None if url.endswith("://") else url)


def _knock(url: SplitResult) -> None:
    """Raises OSError where no NameNode listens at all: the client would try for minutes before it says so.

    A URL without a port may be a nameservice, of which any NameNode will do; that is left to the client.
    """
    if url.hostname and url.port:
        socket.create_connection((url.hostname, url.port), _PATIENCE_S).close()
