"""Lists the files of a source, sorted by path, each with a value that changes when the file does.

    listing = list_source("pixels", source)
    listing.base, [file.name for file in listing.files], listing.hidden

Names are relative to the part of the path before its first wildcard, so a file keeps its name and its folders when
other files are added or removed. Characters that are wildcards to Spark, or the end of a scheme to Hadoop, are
percent-encoded in the lake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from laketrain.config.sources import MEDIA, FileSource
from laketrain.errors import DataError
from laketrain.ingest.expand import expand
from laketrain.lake.paths import COPYING
from laketrain.lake.stores.hdfs_errors import first_line
from laketrain.lake.stores.remote import filesystem_of

_ESCAPED = re.compile(r"[*?:\[\]{}\\\x00-\x1f\x7f-\x9f]")
_CHANGED = ("mtime", "modification_time", "LastModified", "last_modified", "updated", "ETag")
"""The keys under which file systems return a file's last change."""


@dataclass(frozen=True)
class ListedFile:
    """A file of a source: its URL, its name in the lake, its size in bytes, and a value that changes with it."""

    url: str
    name: str
    size: int
    changed: str

    @property
    def renamed(self) -> bool:
        """Whether its name in the lake differs from that at the source."""
        return not self.url.endswith(self.name)


@dataclass(frozen=True)
class Listing:
    """The files of a source, the URL that their names are relative to, and how many hidden files were skipped."""

    base: str
    files: tuple[ListedFile, ...]
    hidden: int


def list_source(name: str, source: FileSource) -> Listing:
    """Lists the files of `source`; none where its path matches nothing.

    Raises DataError where a directory can't be listed, where a name isn't UTF-8, and where two files would have the
    same name in the lake.
    """
    filesystem, pattern = filesystem_of(source.path)
    with _translate_errors(name, source):
        filesystem.invalidate_cache()  # some file systems cache listings for as long as the process runs
        base, infos = expand(filesystem, pattern)
    # An object store may represent a folder by an empty object whose name ends in a slash.
    paths = [path for path, info in sorted(infos.items()) if info["type"] != "directory" and not path.endswith("/")]
    visible = [path for path in paths if not _is_hidden(path[len(base):], source.format)]
    _check_encoding(name, visible)
    files = [ListedFile(filesystem.unstrip_protocol(path), _name_in_lake(path[len(base):]), int(infos[path]["size"]),
                        _changed(infos[path])) for path in visible]
    _check_unique_names(name, files)
    return Listing(filesystem.unstrip_protocol(base).rstrip("/") + "/", tuple(files), len(paths) - len(visible))


@contextmanager
def _translate_errors(name: str, source: FileSource) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # the client of HDFS raises RuntimeError
        raise DataError("ingest", f"source {name!r}", f"{source.path} can't be listed: {first_line(error)}",
                        "check that it can be reached from here, and that you may read it; or name only what you may "
                        "by a narrower 'path' of the source") from error


def _is_hidden(path: str, form: str) -> bool:
    """Whether the file isn't data by Spark's convention. Names of images and audio may begin with '_'."""
    prefixes = "." if form in MEDIA else "._"
    return path.endswith(COPYING) or any(part.startswith(tuple(prefixes)) for part in path.split("/"))


def _changed(info: Mapping[str, Any]) -> str:
    return next((str(info[key]) for key in _CHANGED if info.get(key)), "")


def _name_in_lake(path: str) -> str:
    """Percent-encodes, as Hive does, the characters that the lake doesn't allow: wildcards of Spark, and those that end
    a scheme to Hadoop. A replacement by another character could make a hidden name, and would change the value of a
    column in the path. A percent sign itself isn't encoded, because it may begin an escape of Hive's."""
    return _ESCAPED.sub(lambda match: quote(match[0]), path)


def _check_encoding(name: str, paths: Sequence[str]) -> None:
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise DataError("ingest", f"source {name!r}", f"the file {shown} has a name that isn't UTF-8",
                            "rename it") from None


def _check_unique_names(name: str, files: Sequence[ListedFile]) -> None:
    first: dict[str, str] = {}
    for file in files:
        if file.name in first:
            raise DataError("ingest", f"source {name!r}", f"{first[file.name]} and {file.url} would both be "
                            f"{file.name}", "rename one of them")
        first[file.name] = file.url
