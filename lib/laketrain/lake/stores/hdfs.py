"""A lake on HDFS, by a native client without a JVM or libhdfs.

    HdfsStore("hdfs://namenode:8020/lake").create("a/b.json", b"{}")

`create` writes a temporary file in the same directory, closes it, and renames it without overwriting, which the
NameNode allows one writer only. A file created under its final name would be visible but empty until its writer closes
it. If the URL names a nameservice, or no host, the client reads HADOOP_CONF_DIR, as Hadoop's own client does.
"""

from __future__ import annotations

import errno
import io
import os
import posixpath
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, urlsplit

from laketrain.errors import LakeError
from laketrain.lake.paths import TEMPORARY, check_new_path, check_path
from laketrain.lake.stores.hdfs_errors import is_lost, is_of_datanodes, is_starting, translate_error
from laketrain.lake.stores.store import FileInfo, Files, Names, hidden, visible

_COPY = 8 << 20
_CONNECT_TIMEOUT_S = 10
_STARTING_S, _STARTING_PAUSE_S = 60, 0.5
"""How long a NameNode may take to start, and the pause between retries."""
_PAUSES_S = (0.5, 1, 2, 4, 8)
"""Pauses between attempts to write a file whose DataNode doesn't reply."""


@dataclass(frozen=True)
class HdfsStore:
    """Files under `root`, hdfs://host:port/path."""

    root: str

    def read(self, path: str) -> bytes:
        with self._translate_errors(path):
            return cast(bytes, self._reader(path).read())

    def open(self, path: str) -> BinaryIO:
        with self._translate_errors(path):
            return cast(BinaryIO, _Reader(self._reader(path)))

    def write(self, path: str, data: bytes) -> None:
        self._write(self._path(check_new_path(path)), io.BytesIO(data), path)

    def create(self, path: str, data: bytes) -> None:
        target = self._path(check_new_path(path))
        temporary = f"{posixpath.dirname(target)}/{TEMPORARY}{uuid.uuid4().hex}"
        with self._translate_errors(path):
            if self._status(target) is not None:  # in a race most callers are late, and needn't write a block
                raise FileExistsError(errno.EEXIST, "exists already", path)
        try:
            self._write(temporary, io.BytesIO(data), path)
            self._rename(temporary, target, path)
        except BaseException:
            with suppress(Exception):  # report the first error; gc removes the file if it remains
                self._remove(temporary)
            raise

    def list(self, dir: str, recursive: bool = False) -> Files:
        return visible(self._files(dir, recursive), dir)

    def temporary(self, dir: str) -> Files:
        return hidden(self._files(dir, True), dir)

    def dirs(self, dir: str) -> Names:
        return sorted(posixpath.basename(status.path) for status in self._statuses(dir, False) if status.isdir)

    def exists(self, path: str) -> bool:
        with self._translate_errors(path):
            return self._status(self._path(path)) is not None

    def move(self, src: str, dst: str) -> None:
        source, target = self._path(src), self._path(check_new_path(dst))
        with self._translate_errors(dst):
            if self._status(source) is None:
                raise FileNotFoundError(errno.ENOENT, "no such file in the lake", src)
            _retry(lambda: self._client().mkdirs(posixpath.dirname(target), create_parent=True))
        self._rename(source, target, dst)

    def delete(self, path: str) -> None:
        with self._translate_errors(path):
            self._remove(self._path(path))

    def delete_empty(self, dir: str) -> None:
        with suppress(Exception):  # the client's errors have no common class
            self._client().delete(self._path(dir), False)

    def sync(self, dir: str) -> None:
        """Does nothing: a closed file is on all of its DataNodes."""
        check_path(dir)

    def local(self, path: str) -> str | None:
        check_path(path)
        return None

    def url(self, path: str) -> str:
        return f"{self.root}/{check_path(path)}"

    def get(self, path: str, local_dir: str) -> str:
        target = Path(local_dir, posixpath.basename(path))
        with self._translate_errors(path):
            status = self._status(self._path(path))
        if status is None:
            raise FileNotFoundError(errno.ENOENT, "no such file in the lake", path)
        if not status.isdir:
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

    def _reader(self, path: str) -> Any:
        return _retry(lambda: self._client().read(self._path(path)))

    def _write(self, target: str, content: BinaryIO, path: str) -> None:
        from hdfs_native import WriteOptions

        with self._translate_errors(path):
            for pause in (*_PAUSES_S, None):
                try:
                    # Not retried after a lost reply: the file would exist, and we'd take it for another writer's.
                    writer = _retry(lambda: self._client().create(
                        target, WriteOptions(overwrite=False, create_parent=True)), is_starting)
                    # Always closed: a writer that is open when the interpreter exits can abort it.
                    with writer:
                        for piece in iter(lambda: content.read(_COPY), b""):
                            writer.write(piece)
                    return
                except FileExistsError:
                    raise
                except (OSError, RuntimeError) as error:
                    # The NameNode names a dead DataNode for a while, and the client doesn't ask for another.
                    if pause is None or not is_of_datanodes(error):
                        raise
                self._remove(target)
                content.seek(0)
                time.sleep(pause)

    def _rename(self, source: str, target: str, path: str) -> None:
        """Renames `source`, which exists and which only this writer uses."""
        with self._translate_errors(path):
            try:
                _retry(lambda: self._client().rename(source, target, False), is_starting)
            except Exception as error:
                # Not every version of HDFS reports an existing target as such, so check it.
                if self._status(target) is None:
                    if not is_lost(error):
                        raise
                    self._rename(source, target, path)
                elif self._status(source) is not None:
                    raise FileExistsError(errno.EEXIST, "exists already", path) from error
                # Else it was renamed, and the reply was lost or the client retried.

    def _remove(self, target: str) -> None:
        with suppress(FileNotFoundError):
            _retry(lambda: self._client().delete(target, True))

    def _status(self, target: str) -> Any:
        try:
            return _retry(lambda: self._client().get_file_info(target))
        except FileNotFoundError:
            return None

    def _statuses(self, dir: str, recursive: bool) -> Iterator[Any]:
        with self._translate_errors(dir):
            try:
                yield from self._client().list_status(self._path(dir), recursive)
            except FileNotFoundError:
                return

    def _files(self, dir: str, recursive: bool) -> Files:
        skip = len(self._base) + 1
        # For a file, HDFS lists the file itself; the result must be empty.
        return [FileInfo(status.path[skip:], status.length, status.modification_time / 1000)
                for status in self._statuses(dir, recursive) if not status.isdir and status.path != self._path(dir)]

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
    def _translate_errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileExistsError, FileNotFoundError, LakeError):
            raise
        except Exception as error:
            raise translate_error(error, path, self.root) from error


class _Reader(io.RawIOBase):
    """Adapts a file of hdfs-native to Python's io.

    Each read is a request for exactly its bytes, without buffering: Arrow reads a row group at once, and a buffer that
    reads ahead made it fetch nearly three times as many bytes.
    """

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
        # HDFS refuses to seek past the end. Other files allow it and read nothing there.
        self._inner.seek(min(base + offset, len(self._inner)))
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        """Reads exactly `size` bytes, or fewer at the end of the file."""
        left = len(self._inner) - self.tell()
        return cast(bytes, self._inner.read(left if size is None or size < 0 else min(size, left)))

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[:len(piece)] = piece
        return len(piece)


def _is_transient(error: BaseException) -> bool:
    return is_starting(error) or is_lost(error)


def _retry(request: Callable[[], Any], is_transient: Callable[[BaseException], bool] = _is_transient) -> Any:
    """Sends a request to the NameNode, and retries it while the NameNode is starting or if its reply was lost, unless
    `is_transient` excludes that. The client itself waits for a NameNode that is down."""
    end = time.monotonic() + _STARTING_S
    while True:
        try:
            return request()
        except (OSError, RuntimeError) as error:
            if not is_transient(error) or time.monotonic() > end:
                raise
        time.sleep(_STARTING_PAUSE_S)


@cache
def _client_of(url: str, _process: int) -> Any:
    """A client for each process: its threads don't survive a fork, and Spark forks its Python workers."""
    from hdfs_native import Client

    _check_listening(urlsplit(url))
    return Client(None if url.endswith("://") else url)


def _check_listening(url: SplitResult) -> None:
    """Raises OSError if no NameNode is listening: the client would retry for minutes first.

    Not for a URL without a port: it may be a nameservice of several NameNodes.
    """
    if url.hostname and url.port:
        socket.create_connection((url.hostname, url.port), _CONNECT_TIMEOUT_S).close()
