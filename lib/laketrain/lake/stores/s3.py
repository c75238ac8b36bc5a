"""A lake in a bucket of S3, or of a compatible server with conditional writes.

    S3Store("s3://bucket/lake").create("a/b.json", b"{}")

Endpoint and credentials come from the environment alone: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_REGION, or the machine's role. `create` is a put with `If-None-Match: *`. A server that ignores this header would
let two writers create the same version, so the first `create` of a process tests it and refuses the server if it does.
Each object's metadata identifies the put that wrote it, so that a put whose reply was lost is recognised.
"""

from __future__ import annotations

import errno
import os
import posixpath
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError

from laketrain.errors import LakeError, StorageError
from laketrain.lake.paths import TEMPORARY, check_new_path, check_path
from laketrain.lake.stores.store import FileInfo, Files, Names, hidden, visible

_CONFLICT_TRIES = 10
_PAGE = 1000
_LARGE = 64 << 20
_WRITER = "laketrain-writer"
"""The key of an object's metadata that identifies the put that wrote it."""
_tested: set[tuple[object, ...]] = set()
_testing = Lock()


@dataclass(frozen=True)
class S3Store:
    """Objects under `root`, s3://bucket or s3://bucket/prefix."""

    root: str

    def read(self, path: str) -> bytes:
        with self._translate_errors():
            return cast(bytes, _filesystem().cat_file(f"{self._bucket}/{self._key(path)}"))

    def open(self, path: str) -> BinaryIO:
        with self._translate_errors():
            return cast(BinaryIO, _filesystem().open(f"{self._bucket}/{self._key(path)}", "rb"))

    def write(self, path: str, data: bytes) -> None:
        key = self._key(check_new_path(path))
        if len(data) < _LARGE:
            self._put_once(key, data, path)
        elif self._is_object(key):
            raise FileExistsError(errno.EEXIST, "exists already", path)
        else:
            with self._translate_errors():
                _filesystem().pipe_file(f"{self._bucket}/{key}", data)

    def create(self, path: str, data: bytes) -> None:
        key = self._key(check_new_path(path))
        self._test_conditional_writes()
        self._put_once(key, data, path)

    def list(self, dir: str, recursive: bool = False) -> Files:
        return visible(self._files(dir, recursive), dir)

    def temporary(self, dir: str) -> Files:
        return hidden(self._files(dir, True), dir)

    def dirs(self, dir: str) -> Names:
        prefix = f"{self._key(dir)}/"
        keys = (common["Prefix"] for page in self._pages(prefix, "/") for common in page.get("CommonPrefixes", ()))
        return sorted(key[len(prefix):-1] for key in keys)

    def exists(self, path: str) -> bool:
        key = self._key(path)
        return self._is_object(key) or any(page.get("KeyCount") for page in self._pages(f"{key}/", "", 1))

    def move(self, src: str, dst: str) -> None:
        source, target = self._key(src), self._key(check_new_path(dst))
        if self.exists(dst):
            raise FileExistsError(errno.EEXIST, "exists already", dst)
        keys = [source] if self._is_object(source) else [key for key, _, _ in self._objects(f"{source}/", "")]
        if not keys:
            raise FileNotFoundError(errno.ENOENT, "no such file in the lake", src)
        with self._translate_errors():
            for key in keys:
                _filesystem().cp_file(f"{self._bucket}/{key}", f"{self._bucket}/{target}{key[len(source):]}")
        self._delete(keys)

    def delete(self, path: str) -> None:
        key = self._key(path)
        self._delete([key, *(child for child, _, _ in self._objects(f"{key}/", ""))])

    def delete_empty(self, dir: str) -> None:
        check_path(dir)

    def sync(self, dir: str) -> None:
        """Does nothing: S3 replies to a put when it is durable."""
        check_path(dir)

    def local(self, path: str) -> str | None:
        check_path(path)
        return None

    def url(self, path: str) -> str:
        return f"s3a://{self._bucket}/{self._key(path)}"

    def get(self, path: str, local_dir: str) -> str:
        key, target = self._key(path), Path(local_dir, posixpath.basename(path))
        if self._is_object(key):
            self._download(key, target)
            return str(target)
        files = self.list(path, recursive=True)
        if not files:
            raise FileNotFoundError(errno.ENOENT, "no such file in the lake", path)
        for file in files:
            self._download(self._key(file.path), target / file.path[len(path) + 1:])
        return str(target)

    def put(self, local_path: str, path: str) -> None:
        key = self._key(check_new_path(path))
        if self.exists(path):
            raise FileExistsError(errno.EEXIST, "exists already", path)
        source = Path(local_path)
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file():
                rel = f"/{file.relative_to(source).as_posix()}" if source.is_dir() else ""
                with self._translate_errors():
                    _filesystem().put_file(str(file), f"{self._bucket}/{key}{rel}")

    @property
    def _bucket(self) -> str:
        return self.root.removeprefix("s3://").partition("/")[0]

    def _key(self, path: str) -> str:
        prefix = self.root.removeprefix("s3://").partition("/")[2]
        return f"{prefix}/{check_path(path)}" if prefix else check_path(path)

    def _call(self, method: str, **arguments: Any) -> dict[str, Any]:
        with self._translate_errors():
            return self._request(method, **arguments)

    def _request(self, method: str, **arguments: Any) -> dict[str, Any]:
        return cast(dict[str, Any], _filesystem().call_s3(method, Bucket=self._bucket, **arguments))

    def _put_once(self, key: str, data: bytes, path: str) -> None:
        writer = uuid.uuid4().hex
        for attempt in range(_CONFLICT_TRIES):
            try:
                self._request("put_object", Key=key, Body=data, IfNoneMatch="*", Metadata={_WRITER: writer})
                return
            except BotoCoreError as error:
                raise self._translate(error) from error
            except OSError as error:
                status = _status(error)
                if status == 412:
                    # A server may write the object but reply with 500, or not at all; then the client retries.
                    if self._writer(key) == writer:
                        return
                    raise FileExistsError(errno.EEXIST, "exists already", path) from error
                # 409: two puts conflicted, and neither result is known. S3 asks for a retry.
                if status != 409 or attempt + 1 == _CONFLICT_TRIES:
                    raise self._translate(error) from error
                time.sleep(0.05 * 2 ** min(attempt, 5))

    def _writer(self, key: str) -> str | None:
        try:
            metadata: dict[str, str] = self._call("head_object", Key=key).get("Metadata", {})
        except FileNotFoundError:
            return None
        return metadata.get(_WRITER)

    def _test_conditional_writes(self) -> None:
        connection = (self.root, *_connection_key())
        with _testing:
            if connection in _tested:
                return
            key = self._key(f"{TEMPORARY}probe-{uuid.uuid4().hex}")
            self._put_once(key, b"first", key)
            try:
                self._put_once(key, b"second", key)
            except FileExistsError:
                _tested.add(connection)
                return
            finally:
                self._delete([key])
        raise LakeError("lake", f"lake {self.root}", "its server ignores 'If-None-Match: *': it let the same object be "
                        "created twice, so two writers could commit the same version",
                        "Use a server with conditional writes (Amazon S3, MinIO, Ceph, Cloudflare R2) or HDFS.")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """FileNotFoundError passes unchanged: callers handle a missing key."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, BotoCoreError) as error:
            raise self._translate(error) from error

    def _translate(self, error: OSError | BotoCoreError) -> Exception:
        status = _status(error)
        if status == 501:
            return LakeError("lake", f"lake {self.root}", "its server has no conditional writes ('If-None-Match: *')",
                             "Use a server with them (Amazon S3, MinIO, Ceph, Cloudflare R2) or HDFS.")
        if status is not None and status >= 500:
            return StorageError("lake", f"lake {self.root}", f"its server fails repeatedly: {error}",
                                "Run again later: the work continues from the last commit.")
        if isinstance(error, (PermissionError, NoCredentialsError, PartialCredentialsError)):
            return LakeError("lake", f"lake {self.root}", f"denies access with these credentials: {error}",
                             "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role, and the bucket's policy.")
        if isinstance(error, FileNotFoundError):
            return LakeError("lake", f"lake {self.root}", f"the bucket {self._bucket!r} does not exist",
                             "Create it, or check AWS_ENDPOINT_URL.")
        return StorageError("lake", f"lake {self.root}", f"its server can't be reached: {error}",
                            "Check AWS_ENDPOINT_URL, AWS_REGION and the network, or run again later: the work "
                            "continues from the last commit.")

    def _pages(self, prefix: str, delimiter: str, limit: int | None = None) -> Iterator[dict[str, Any]]:
        arguments: dict[str, Any] = {"Prefix": prefix, "Delimiter": delimiter, "MaxKeys": limit or _PAGE}
        while True:
            try:
                page = self._call("list_objects_v2", **arguments)
            except FileNotFoundError as error:  # the bucket: the listing of a missing key is empty
                raise self._translate(error) from error
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def _objects(self, prefix: str, delimiter: str) -> Iterator[tuple[str, int, float]]:
        for page in self._pages(prefix, delimiter):
            for item in page.get("Contents", ()):
                yield item["Key"], item["Size"], item["LastModified"].timestamp()

    def _files(self, dir: str, recursive: bool) -> Files:
        prefix = f"{self._key(dir)}/"
        # Spark's connector represents directories by empty objects whose keys end in '/'.
        return [FileInfo(f"{dir}/{key[len(prefix):]}", size, mtime)
                for key, size, mtime in self._objects(prefix, "" if recursive else "/") if not key.endswith("/")]

    def _is_object(self, key: str) -> bool:
        try:
            self._call("head_object", Key=key)
        except FileNotFoundError:
            return False
        return True

    def _download(self, key: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
        try:
            with _filesystem().open(f"{self._bucket}/{key}", "rb") as source, open(temporary, "xb") as copy:
                shutil.copyfileobj(source, copy, 8 << 20)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _delete(self, keys: Names) -> None:
        for start in range(0, len(keys), _PAGE):
            objects = [{"Key": key} for key in keys[start:start + _PAGE]]
            response = self._call("delete_objects", Delete={"Objects": objects, "Quiet": True})
            for error in response.get("Errors", ()):
                raise LakeError("lake", f"lake {self.root}", f"could not delete {error['Key']}: {error.get('Message')}",
                                "Check that the credentials may delete objects.")


def _filesystem() -> Any:
    return _filesystem_of(_connection_key())


def _connection_key() -> tuple[object, ...]:
    """What a connection depends on. It doesn't survive a fork, and Spark forks its Python workers."""
    return os.getpid(), os.environ.get("AWS_ENDPOINT_URL"), os.environ.get("AWS_ACCESS_KEY_ID")


@cache
def _filesystem_of(_key: tuple[object, ...]) -> Any:
    import s3fs

    # Listings must not be cached, because other writers commit meanwhile.
    return s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)


def _status(error: BaseException) -> int | None:
    response = getattr(error.__cause__, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return int(status) if status is not None else None
