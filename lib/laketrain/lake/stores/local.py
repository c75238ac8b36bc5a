"""A lake on a local file system, or one that all machines mount.

    LocalStore("/data/lake").create("a/b.json", b"{}")

`create` writes a temporary file in the same directory, syncs it, and hard-links it to its name, which fails if the name
exists. So readers see the complete file or none, and one of several writers succeeds, also across machines on NFS.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from laketrain.errors import LakeError, StorageError
from laketrain.lake.paths import TEMPORARY, check_new_path, check_path
from laketrain.lake.stores.store import FileInfo, Files, Names, hidden, visible

_TRIES = 10
_SYNCS_AT_ONCE = 8
_MESSAGES = {
    errno.ENOSPC: ("the disk is full", "Free some space (laketrain gc removes abandoned data) and run again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space (laketrain gc removes abandoned data), run again."),
    errno.EROFS: ("the file system is read-only", "Choose a lake that you may write."),
    errno.EACCES: ("permission denied", "Check who owns the lake's directory."),
    errno.EPERM: ("not permitted, or this file system has no hard links, which commits need",
                  "Check who owns the lake's directory, or put the lake on a file system with hard links."),
    errno.EIO: ("the disk, or the server of the file system, fails", "Look at the machine's log; run again later."),
    errno.ESTALE: ("the server of the file system has lost it", "Mount the file system again and run again."),
    errno.EOPNOTSUPP: ("this file system has no hard links, which commits need", "Put the lake on another one."),
}

_TRANSIENT = (errno.EIO, errno.ESTALE)


@dataclass(frozen=True)
class LocalStore:
    """Files under the absolute path `root`."""

    root: str

    def read(self, path: str) -> bytes:
        with _translate_errors(path, "reading"):
            return self._path(path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        with _translate_errors(path, "reading"):
            return open(self._path(path), "rb")

    def write(self, path: str, data: bytes) -> None:
        target = self._path(check_new_path(path))
        with _translate_errors(path):
            _make_dirs(target.parent)
            _write_synced(target, data)
            _sync(target.parent)

    def create(self, path: str, data: bytes) -> None:
        target = self._path(check_new_path(path))
        temporary = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
        with _translate_errors(path):
            _write_temporary(temporary, data)
            try:
                os.link(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
            _sync(target.parent)

    def list(self, dir: str, recursive: bool = False) -> Files:
        return visible(self._files(dir, recursive), dir)

    def temporary(self, dir: str) -> Files:
        return hidden(self._files(dir, True), dir)

    def dirs(self, dir: str) -> Names:
        try:
            with _translate_errors(dir, "reading"), os.scandir(self._path(dir)) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, path: str) -> bool:
        return self._path(path).exists()

    def move(self, src: str, dst: str) -> None:
        source, target = self._path(src), self._path(check_new_path(dst))
        with _translate_errors(dst):
            _make_dirs(target.parent)
            if source.is_dir():
                if target.exists():
                    raise FileExistsError(errno.EEXIST, "exists already", dst)
                source.rename(target)
            else:
                # rename would replace an existing file; link fails.
                os.link(source, target)
                source.unlink()
            _sync(target.parent)
            _sync(source.parent)

    def delete(self, path: str) -> None:
        target = self._path(path)
        for attempt in range(_TRIES):
            try:
                _remove(target)
                return
            except OSError as error:
                # A job whose draft was collected, and that doesn't know it yet, created a file or directory meanwhile.
                if error.errno not in (errno.ENOTEMPTY, errno.EISDIR) or attempt + 1 == _TRIES:
                    raise

    def delete_empty(self, dir: str) -> None:
        with suppress(OSError):
            os.rmdir(self._path(dir))

    def sync(self, dir: str) -> None:
        top = self._path(dir)
        if not top.exists():
            return
        with _translate_errors(dir):
            # In parallel: the disk then writes its journal for many files together, ten times faster for thousands.
            with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
                for folder, _, names in os.walk(top):
                    deque(pool.map(_sync, [Path(folder, name) for name in names]), maxlen=0)
                    _sync(Path(folder))
            for parent in top.parents:
                if not parent.is_relative_to(self.root):
                    break
                _sync(parent)

    def local(self, path: str) -> str | None:
        return str(self._path(path))

    def url(self, path: str) -> str:
        return f"file://{self._path(path)}"

    def get(self, path: str, local_dir: str) -> str:
        local = self._path(path)
        if not local.exists():
            raise FileNotFoundError(errno.ENOENT, "no such file in the lake", path)
        return str(local)

    def put(self, local_path: str, path: str) -> None:
        target = self._path(check_new_path(path))
        with _translate_errors(path):
            _make_dirs(target.parent)
            if os.path.isdir(local_path):
                shutil.copytree(local_path, target)
            elif target.exists():
                raise FileExistsError(errno.EEXIST, "exists already", path)
            else:
                shutil.copyfile(local_path, target)

    def _path(self, path: str) -> Path:
        return Path(self.root, check_path(path))

    def _files(self, dir: str, recursive: bool) -> Files:
        files: Files = []
        with _translate_errors(dir, "reading"):
            # An unreadable folder must raise: treated as empty, its content would count as abandoned.
            for folder, subfolders, names in os.walk(self._path(dir), onerror=_unless_absent):
                if not recursive:
                    subfolders.clear()
                files += [info for name in names if (info := self._info(os.path.join(folder, name)))]
        return files

    def _info(self, path: str) -> FileInfo | None:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return None  # removed since the listing, as temporary files are
        if not stat.S_ISREG(status.st_mode):
            return None
        return FileInfo(os.path.relpath(path, self.root), status.st_size, status.st_mtime)


@contextmanager
def _translate_errors(path: str, doing: str = "writing") -> Iterator[None]:
    try:
        yield
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError as error:
        message = _MESSAGES.get(error.errno or 0)
        if message is None:
            raise
        kind = StorageError if error.errno in _TRANSIENT else LakeError
        raise kind("lake", f"{doing} {path!r}", *message) from error


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise error


def _write_temporary(temporary: Path, data: bytes) -> None:
    """Writes a file and its parents. Retries, because another job may remove a directory while it is empty."""
    for attempt in range(_TRIES):
        try:
            _make_dirs(temporary.parent)
            _write_synced(temporary, data)
            return
        except FileNotFoundError:
            if attempt + 1 == _TRIES:
                raise
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_dirs(path: Path) -> None:
    if path.is_dir():
        return
    _make_dirs(path.parent)
    path.mkdir(exist_ok=True)
    _sync(path.parent)  # a file is as durable as the least durable directory above it


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # another process removed its temporary file meanwhile
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target, onerror=_ignore_absent)
    else:
        target.unlink(missing_ok=True)


def _ignore_absent(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]
