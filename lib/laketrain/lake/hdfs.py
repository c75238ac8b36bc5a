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
from laketrain.lake.hdfs_errors import is_lost, is_of_datanodes, is_starting, refused
from laketrain.lake.paths import TEMPORARY, check_new_path, check_path
from laketrain.lake.store import FileInfo, Files, Names, hidden, visible

_COPY = 8 << 20
_PATIENCE_S = 10
_STARTING_S, _STARTING_PAUSE_S = 60, 0.5
"""How long a NameNode may take to start, and how often it is asked meanwhile."""
_PAUSES_S = (0.5, 1, 2, 4, 8)
"""Between the tries to write a file whose DataNode does not answer."""


@dataclass(frozen=True)
class HdfsStore:
    """Files under `root`, hdfs://host:port/path."""

    root: str

    def read(self, path: str) -> bytes:
        with self._explained(path):
            return cast(bytes, self._reader(path).read())

    def open(self, path: str) -> BinaryIO:
        with self._explained(path):
            return cast(BinaryIO, _Reader(self._reader(path)))

    def write(self, path: str, data: bytes) -> None:
        self._write(self._path(check_new_path(path)), io.BytesIO(data), path)

    def create(self, path: str, data: bytes) -> None:
        target = self._path(check_new_path(path))
        temporary = f"{posixpath.dirname(target)}/{TEMPORARY}{uuid.uuid4().hex}"
        with self._explained(path):
            if self._status(target) is not None:  # in a race most come too late: these need not write a block first
                raise FileExistsError(errno.EEXIST, "exists already", path)
        try:
            self._write(temporary, io.BytesIO(data), path)
            self._rename(temporary, target, path)
        except BaseException:
            with suppress(Exception):  # the first error is the one to tell, and gc takes what stays
                self._remove(temporary)
            raise

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
            if self._status(source) is None:
                raise FileNotFoundError(errno.ENOENT, "no such file in the lake", src)
            _patiently(lambda: self._client().mkdirs(posixpath.dirname(target), create_parent=True))
        self._rename(source, target, dst)

    def delete(self, path: str) -> None:
        with self._explained(path):
            self._remove(self._path(path))

    def delete_empty(self, dir: str) -> None:
        with suppress(Exception):  # the client's errors have no common kind
            self._client().delete(self._path(dir), False)

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

    def _reader(self, path: str) -> Any:
        return _patiently(lambda: self._client().read(self._path(path)))

    def _write(self, target: str, content: BinaryIO, path: str) -> None:
        from hdfs_native import WriteOptions

        with self._explained(path):
            for pause in (*_PAUSES_S, None):
                try:
                    # Not asked twice where the answer was lost: the file would be there, and we'd think it another's.
                    writer = _patiently(lambda: self._client().create(
                        target, WriteOptions(overwrite=False, create_parent=True)), is_starting)
                    # Always closed: an open writer at the interpreter's end can abort it.
                    with writer:
                        for piece in iter(lambda: content.read(_COPY), b""):
                            writer.write(piece)
                    return
                except FileExistsError:
                    raise
                except (OSError, RuntimeError) as error:
                    # The NameNode goes on naming a DataNode for a while after it died; the client asks it but once.
                    if pause is None or not is_of_datanodes(error):
                        raise
                self._remove(target)
                content.seek(0)
                time.sleep(pause)

    def _rename(self, source: str, target: str, path: str) -> None:
        """Of a `source` that is there, and nobody else's."""
        with self._explained(path):
            try:
                _patiently(lambda: self._client().rename(source, target, False), is_starting)
            except Exception as error:
                # The client has no error of its own for a taken name in every version of HDFS: look.
                if self._status(target) is None:
                    if not is_lost(error):
                        raise
                    self._rename(source, target, path)
                elif self._status(source) is not None:
                    raise FileExistsError(errno.EEXIST, "exists already", path) from error
                # Else it was renamed before the NameNode died; but the answer was lost, or the client asked again.

    def _remove(self, target: str) -> None:
        with suppress(FileNotFoundError):
            _patiently(lambda: self._client().delete(target, True))

    def _status(self, target: str) -> Any:
        try:
            return _patiently(lambda: self._client().get_file_info(target))
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
            raise refused(error, path, self.root) from error


class _Reader(io.RawIOBase):
    """A file of hdfs-native as Python's io wants its files: with readinto, and closed when closed.

    Each read is one request for just what is asked, without a buffer between: Arrow asks for a row group in one piece,
    and a buffer that reads ahead made it fetch nearly three times the bytes.
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
        # HDFS refuses to stand behind the end; files elsewhere don't, and read nothing there.
        self._inner.seek(min(base + offset, len(self._inner)))
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        """All that is asked, less only at the file's end."""
        left = len(self._inner) - self.tell()
        return cast(bytes, self._inner.read(left if size is None or size < 0 else min(size, left)))

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[:len(piece)] = piece
        return len(piece)


def _passes(error: BaseException) -> bool:
    return is_starting(error) or is_lost(error)


def _patiently(ask: Callable[[], Any], passes: Callable[[BaseException], bool] = _passes) -> Any:
    """What a NameNode answers. The client waits for one that is down; one that starts refuses, and one that dies leaves
    without an answer: both are asked again, for what may be asked twice."""
    end = time.monotonic() + _STARTING_S
    while True:
        try:
            return ask()
        except (OSError, RuntimeError) as error:
            if not passes(error) or time.monotonic() > end:
                raise
        time.sleep(_STARTING_PAUSE_S)


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
