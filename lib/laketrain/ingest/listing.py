"""What a source's path holds: its files, in the order of their paths, each with what tells that it has changed.

    listing = listed("pixels", source)
    listing.base, [file.name for file in listing.files], listing.hidden

Names are relative to the part of the path before its first wildcard. So a file keeps its name, and its folders, when
others come and go beside it. In the lake a character that Spark would read as a pattern, or Hadoop as the end of a
scheme, is a percent escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from laketrain.config.sources import MEDIA, Source
from laketrain.errors import DataError
from laketrain.ingest.lookup import looked_up
from laketrain.lake.hdfs_errors import first_line
from laketrain.lake.paths import COPYING
from laketrain.lake.remote import filesystem_of

_ESCAPED = re.compile(r"[*?:\[\]{}\\\x00-\x1f\x7f-\x9f]")
_CHANGED = ("mtime", "modification_time", "LastModified", "last_modified", "updated", "ETag")
"""What file systems call a file's last change."""


@dataclass(frozen=True)
class SourceFile:
    """A file to land: where it is, its name in the lake, its bytes, and what tells that it has changed."""

    url: str
    name: str
    size: int
    changed: str

    @property
    def renamed(self) -> bool:
        """Whether it bears another name in the lake."""
        return not self.url.endswith(self.name)


@dataclass(frozen=True)
class Listing:
    """A source's files. `base` is the URL that their names are relative to, `hidden` how many files were passed over
    for their names."""

    base: str
    files: tuple[SourceFile, ...]
    hidden: int


def listed(name: str, source: Source) -> Listing:
    """The files of `source`, none where its path matches nothing.

    Raises DataError where some of it can't be listed, where a name can't be written, and where two files would have one
    name in the lake.
    """
    filesystem, pattern = filesystem_of(source.path)
    with _reached(name, source):
        filesystem.invalidate_cache()  # some keep what they listed, for as long as the process lives
        base, infos = looked_up(filesystem, pattern)
    # A store of objects may have an empty one in a folder's place, whose name ends as a folder's does.
    found = [path for path, info in sorted(infos.items()) if info["type"] != "directory" and not path.endswith("/")]
    shown = [path for path in found if not _hidden(path[len(base):], source.format)]
    _refuse_unwritable(name, shown)
    files = [SourceFile(filesystem.unstrip_protocol(path), _name_in_lake(path[len(base):]), int(infos[path]["size"]),
                        _changed(infos[path])) for path in shown]
    _refuse_same_names(name, files)
    return Listing(filesystem.unstrip_protocol(base).rstrip("/") + "/", tuple(files), len(found) - len(shown))


@contextmanager
def _reached(name: str, source: Source) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # the second is what the client of HDFS raises
        raise DataError("ingest", f"source {name!r}", f"{source.path} can't be listed: {first_line(error)}",
                        "check that it can be reached from here, and that you may read it; or name only what you may "
                        "by a narrower 'path' of the source") from error


def _hidden(path: str, form: str) -> bool:
    """Whether Spark, and people, take the file for none of the data. Cameras begin the names of photos with '_'."""
    marks = "." if form in MEDIA else "._"
    return path.endswith(COPYING) or any(part.startswith(tuple(marks)) for part in path.split("/"))


def _changed(info: Mapping[str, Any]) -> str:
    return next((str(info[key]) for key in _CHANGED if info.get(key)), "")


def _name_in_lake(path: str) -> str:
    """`path` with percent escapes, as Hive writes them, for characters that Spark would read as a pattern, or Hadoop as
    the end of a scheme, and that the lake takes in no name. Another character in their place could begin the name with
    one that Spark passes over, and would be another value of a column that stands in the path. A percent sign itself
    stays: it may begin Hive's own."""
    return _ESCAPED.sub(lambda found: quote(found[0]), path)


def _refuse_unwritable(name: str, paths: Sequence[str]) -> None:
    for path in paths:
        try:
            path.encode()
        except UnicodeEncodeError:
            said = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
            raise DataError("ingest", f"source {name!r}", f"the file {said} has a name that is no UTF-8",
                            "rename it") from None


def _refuse_same_names(name: str, files: Sequence[SourceFile]) -> None:
    first: dict[str, str] = {}
    for file in files:
        if file.name in first:
            raise DataError("ingest", f"source {name!r}", f"{first[file.name]} and {file.url} would both be "
                            f"{file.name}", "rename one of them")
        first[file.name] = file.url
