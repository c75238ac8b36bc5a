"""File systems of URLs outside the lake, by fsspec.

    filesystem, path = filesystem_of("hdfs://namenode/landing/*.csv")
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import fsspec

_HDFS = ("hdfs", "viewfs")
_S3 = ("s3", "s3a")


def filesystem_of(url: str) -> tuple[Any, str]:
    """The file system of a URL and the path in it, as `fsspec.core.url_to_fs` returns them. In contrast to that, it is
    safe in forked processes (Spark forks the driver to start its JVM), and listings of S3 aren't cached."""
    scheme, _, rest = url.partition("://")
    if scheme not in _HDFS:
        # Cached listings never expire, so a long-running service would not see new files.
        options = {"use_listings_cache": False} if scheme in _S3 else {}
        result: tuple[Any, str] = fsspec.core.url_to_fs(url, **options)
        return result
    host, _, path = rest.partition("/")
    return _hdfs_filesystem(f"{scheme}://{host}/", os.getpid()), f"/{path}"


@cache
def _hdfs_filesystem(root: str, _process: int) -> Any:
    """A client for each process. In a forked child fsspec would discard its cached client, and hdfs-native would then
    wait forever for threads that exist only in the parent."""
    filesystem = fsspec.core.url_to_fs(root, skip_instance_cache=True)[0]
    # By default it parses each path as a web address: `a?`, `a#b` and `a;b` would all become `a`, and a folder of that
    # name would be skipped silently.
    filesystem._strip_protocol = _strip_protocol
    return filesystem


def _strip_protocol(url: str) -> str:
    """The path of a URL; a path is returned unchanged."""
    _, separator, rest = url.partition("://")
    return f"/{rest.partition('/')[2]}" if separator else url or "/"
