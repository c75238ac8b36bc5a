"""Where a URL outside the lake leads: fsspec's file system, and the path in it.

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
    """As `fsspec.core.url_to_fs`, but safe where this process is forked, as Spark forks it to start its JVM, and S3 is
    asked each time what is there."""
    scheme, _, rest = url.partition("://")
    if scheme not in _HDFS:
        # Kept listings never grow old, and a service would not see what others write.
        fresh = {"use_listings_cache": False} if scheme in _S3 else {}
        found: tuple[Any, str] = fsspec.core.url_to_fs(url, **fresh)
        return found
    host, _, path = rest.partition("/")
    return _kept(f"{scheme}://{host}/", os.getpid()), f"/{path}"


@cache
def _kept(root: str, _process: int) -> Any:
    """The process's own client. fsspec would drop the one in its cache in each forked child, and there hdfs-native
    waits without end for threads that only its parent has."""
    filesystem = fsspec.core.url_to_fs(root, skip_instance_cache=True)[0]
    # By itself it parses each path as a web address, so that `a?`, `a#b` and `a;b` were all another file's name, `a`:
    # a folder of such a name was passed over without a word.
    filesystem._strip_protocol = _path_in
    return filesystem


def _path_in(url: str) -> str:
    """The path of a URL, or the path itself."""
    _, found, rest = url.partition("://")
    return f"/{rest.partition('/')[2]}" if found else url or "/"
