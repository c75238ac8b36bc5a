"""Files: what ingest copies as it is.

    sources:
      pixels: {format: csv, path: ../landing/pixels/*.csv, schema: {digit_id: string, pixels: string}}
      photos: {format: images, path: ../landing/photos}
"""

from __future__ import annotations

import codecs
import difflib
import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from laketrain.config.base import Section
from laketrain.config.sources.base import ELSEWHERE, BaseSource, Options, Schema
from laketrain.config.sources.dialect import Dialect
from laketrain.config.sources.xml import check_xml
from laketrain.errors import nearest

MEDIA = ("images", "audio")
"""Formats in which a file is a row."""
MAX_FILE_MB = 64
"""The largest file that is a row, unless a source says otherwise."""
OURS = ("csv", "json", "parquet", "orc", "text", "xml", *MEDIA)
"""Formats that laketrain knows by itself."""
_OTHERS = ("avro", "binaryFile", "libsvm", "tfrecord", "protobuf", "geoparquet")

_FILE = {"path": "string", "folder": "string", "content": "binary", "bytes": "bigint"}
FIXED: dict[str, dict[str, str]] = {"text": {"text": "string"}, "images": _FILE, "audio": _FILE}
"""The columns of formats that leave no choice."""

_CHOOSING = ("path", "pathglobfilter", "modifiedbefore", "modifiedafter", "ignorecorruptfiles", "ignoremissingfiles",
             "recursivefilelookup", "basepath")
_TYPELESS = ("csv", "json", "text", "xml")


class Drift(Section):
    """What happens where a file's columns differ from the declared or pinned ones."""

    new: Literal["ignore", "keep", "fail"] = "ignore"
    """A column more: not read, but counted in the clean version's entry; or added to the table; or an error."""
    missing: Literal["fail", "nulls"] = "fail"
    """A column less: an error by default, since a renamed column looks so; or nulls in that file's rows."""
    retyped: Literal["fail", "string"] = "fail"
    """A column of another type: an error; or the whole column becomes text, for rules to cast. CSV, JSON and XML have
    no types: there a value of another type makes its record unreadable."""


class Source(BaseSource):
    """Files that ingest lands, byte for byte, as one immutable version of `raw/<name>`."""

    tag: ClassVar[str] = "files"

    format: str
    """csv, json (lines), xml, parquet, orc, text (a row a line), images and audio (a row a file), or any other format
    that the Spark session can read."""
    path: str = Field(min_length=1)
    """A file, a directory or a glob; a relative one is seen from the config's own directory."""
    declared: Schema | None = Field(default=None, alias="schema")
    """Each column with the Spark SQL type in which it is read; for CSV and JSON the honest choice is string, since a
    rule can then say why a value is refused. `infer` takes the columns from the first files that are cleaned, and pins
    them. Left out for text, images and audio, whose columns are fixed."""
    options: Options = Field(default_factory=dict)
    """Spark's reader options of that format, e.g. {header: true, sep: ";", encoding: ISO-8859-1}."""
    drift: Drift = Drift()
    """What happens where a file's columns differ from those; by default nothing but a further column is let pass."""
    incremental: bool = False
    """Land only files that earlier versions have not landed. The new version holds those and all earlier ones."""
    empty: Literal["fail", "ok"] = "fail"
    """Whether it is an error that the path matches no file: by default it is, as a wrong path looks so."""
    max_file_mb: int = Field(default=MAX_FILE_MB, ge=1, le=1024)
    """Images and audio: larger files are quarantined unread, since one of them would fill a task's memory. In MiB."""

    @property
    def file_path(self) -> str:
        return self.path

    @property
    def columns(self) -> dict[str, str] | None:
        if self.format in FIXED:
            return FIXED[self.format]
        known = isinstance(self.declared, dict) and self.drift.new != "keep"
        return self.declared if known and isinstance(self.declared, dict) else None

    @property
    def reading(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"format", "declared", "options", "drift", "max_file_mb"})

    @field_validator("format")
    @classmethod
    def _known_format(cls, name: str) -> str:
        if name in (*OURS, *_OTHERS) or "." in name:
            return name
        by_small = {known.lower(): known for known in (*OURS, *ELSEWHERE, *_OTHERS)}
        shown = ", ".join((*OURS, "kafka", "jdbc", "delta"))
        expected = f"received {name!r}, expected {shown} or another format that Spark reads"
        if close := difflib.get_close_matches(name.lower(), by_small, n=1, cutoff=0.65):
            raise ValueError(expected, f"Did you mean {by_small[close[0]]!r}?")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise ValueError(expected)
        return name

    @field_validator("options")
    @classmethod
    def _all_files(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name, value in options.items():
            if name.lower() in _CHOOSING or (name.lower() == "ignoreextension" and str(value).lower() != "true"):
                raise ValueError(f"received the option {name!r}, by which Spark would leave out landed files",
                                 "Choose the files by the source's 'path'")
            if name.lower() in ("encoding", "charset"):
                _check_encoding(str(value))
            if name.lower() == "mode" and str(value).upper() == "DROPMALFORMED":
                raise ValueError(f"received mode: {value}, by which Spark would drop records without a word",
                                 "Remove it: what can't be read is quarantined, or named")
        return options

    @model_validator(mode="after")
    def _fits_the_format(self) -> Source:
        if self.format in FIXED:
            self._refuse_for_fixed()
        elif self.declared is None:
            raise ValueError("the key 'schema' is missing",
                             "Give each column its type, e.g. schema: {id: string}, or write schema: infer")
        if self.format not in MEDIA and self.max_file_mb != MAX_FILE_MB:
            raise ValueError(f"received max_file_mb for {self.format}", "Only images and audio take it; remove it")
        mode = next((value for name, value in self.options.items() if name.lower() == "mode"), "PERMISSIVE")
        if self.format in OURS and str(mode).upper() != "PERMISSIVE":
            raise ValueError(f"received mode: {mode}, but in {self.format} a record that can't be read is quarantined",
                             "Remove it; to end the run with the first such record, let clean's max_reject_fraction "
                             "be 0")
        if self.format in _TYPELESS and self.drift.retyped != "fail":
            raise ValueError(f"received drift.retyped: {self.drift.retyped}, but {self.format} files carry no types",
                             "Declare the column as string, and cast it by a rule")
        return self

    @model_validator(mode="after")
    def _of_a_dialect(self) -> Source:
        if self.format == "xml":
            check_xml(self.options)
        if self.format == "csv":
            Dialect.of(self.options)
            for name, kind in (self.declared.items() if isinstance(self.declared, dict) else ()):
                if "<" in kind:
                    raise ValueError(f"received the type {kind!r} for {name!r}, which a value of CSV can't be",
                                     "Declare it as string; in clean, the rule parse makes an array of it, or derive "
                                     "with from_json(...) another type")
        return self

    def _refuse_for_fixed(self) -> None:
        if self.declared is not None:
            raise ValueError(f"received a schema for {self.format}, whose columns are {', '.join(FIXED[self.format])}",
                             "Remove 'schema'")
        if self.drift != Drift():
            raise ValueError(f"received drift for {self.format}, whose columns are fixed", "Remove it")
        if self.format in MEDIA and self.options:
            raise ValueError(f"received options for {self.format}, which take none", "Remove them")
        for name, value in self.options.items():
            if name.lower() in ("encoding", "charset") and codecs.lookup(str(value)).name not in ("utf-8", "ascii"):
                raise ValueError(f"received {name}: {value} for text, which is read as UTF-8",
                                 "Convert the files, or read them as csv of one column")


def _check_encoding(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError:
        common = ("UTF-8", "UTF-16", "ISO-8859-1", "windows-1252", "GB18030", "Shift_JIS")
        raise ValueError(f"received the encoding {name!r}, which is none", nearest(name, common)) from None
