"""Sources of files, which ingest copies unchanged.

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
from laketrain.config.sources.base import EXTERNAL_FORMATS, BaseSource, Options, Schema
from laketrain.config.sources.dialect import Dialect
from laketrain.config.sources.xml import check_xml
from laketrain.errors import nearest

MEDIA = ("images", "audio")
"""Formats in which each file is a row."""
MAX_FILE_MB = 64
"""The default of the largest file that becomes a row, in MiB."""
OURS = ("csv", "json", "parquet", "orc", "text", "xml", *MEDIA)
"""Formats that laketrain reads itself."""
_OTHERS = ("avro", "binaryFile", "libsvm", "tfrecord", "protobuf", "geoparquet")

_FILE = {"path": "string", "folder": "string", "content": "binary", "bytes": "bigint"}
FIXED: dict[str, dict[str, str]] = {"text": {"text": "string"}, "images": _FILE, "audio": _FILE}
"""The columns of formats with fixed columns."""

_CHOOSING = ("path", "pathglobfilter", "modifiedbefore", "modifiedafter", "ignorecorruptfiles", "ignoremissingfiles",
             "recursivefilelookup", "basepath")
_TYPELESS = ("csv", "json", "text", "xml")


class Drift(Section):
    """What happens if a file's columns differ from the declared or pinned ones."""

    new: Literal["ignore", "keep", "fail"] = "ignore"
    """An additional column: `ignore` it (it is counted in the clean version's entry), `keep` it in the table, or
    fail."""
    missing: Literal["fail", "nulls"] = "fail"
    """A missing column: fail, the default, since it may have been renamed; or `nulls` in that file's rows."""
    retyped: Literal["fail", "string"] = "fail"
    """A column of another type: fail, or convert the whole column to text (`string`), for rules to cast. CSV, JSON and
    XML have no types: there a value of another type makes its record unreadable."""


class FileSource(BaseSource):
    """Files that ingest copies unchanged, as one immutable version of `raw/<name>`."""

    tag: ClassVar[str] = "files"

    format: str
    """csv, json (lines), xml, parquet, orc, text (one row per line), images and audio (one row per file), or any other
    format that the Spark session can read."""
    path: str = Field(min_length=1)
    """A file, a directory or a glob; relative paths start from the config's directory."""
    declared: Schema | None = Field(default=None, alias="schema")
    """The columns, each with the Spark SQL type in which it is read. For CSV and JSON string is recommended, since a
    rule can then report why a value is rejected. `infer` determines the columns from the first files that are cleaned,
    and pins them. Must be omitted for text, images and audio, whose columns are fixed."""
    options: Options = Field(default_factory=dict)
    """Options of Spark's reader for that format, e.g. {header: true, sep: ";", encoding: ISO-8859-1}."""
    drift: Drift = Drift()
    """What happens if a file's columns differ from the schema; by default only additional columns are accepted."""
    incremental: bool = False
    """Copy only files that no earlier version has copied. The new version contains those and all earlier ones."""
    empty: Literal["fail", "ok"] = "fail"
    """Whether a path that matches no file is an error. By default it is, since the path may be wrong."""
    max_file_mb: int = Field(default=MAX_FILE_MB, ge=1, le=1024)
    """The largest image or audio file, in MiB. Larger ones are quarantined unread, since they would fill a task's
    memory."""

    @property
    def file_path(self) -> str:
        return self.path

    @property
    def columns(self) -> dict[str, str] | None:
        if self.format in FIXED:
            return FIXED[self.format]
        return self.declared if isinstance(self.declared, dict) and self.drift.new != "keep" else None

    @property
    def reading(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"format", "declared", "options", "drift", "max_file_mb"})

    @field_validator("format")
    @classmethod
    def _check_format(cls, name: str) -> str:
        if name in (*OURS, *_OTHERS) or "." in name:
            return name
        by_lower = {other.lower(): other for other in (*OURS, *EXTERNAL_FORMATS, *_OTHERS)}
        shown = ", ".join((*OURS, "kafka", "jdbc", "delta"))
        expected = f"received {name!r}, expected {shown} or another format that Spark reads"
        if close := difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.65):
            raise ValueError(expected, f"Did you mean {by_lower[close[0]]!r}?")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
            raise ValueError(expected)
        return name

    @field_validator("options")
    @classmethod
    def _all_files(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name, value in options.items():
            if name.lower() in _CHOOSING or (name.lower() == "ignoreextension" and str(value).lower() != "true"):
                raise ValueError(f"received the option {name!r}, with which Spark would skip landed files",
                                 "Choose the files by the source's 'path'")
            if name.lower() in ("encoding", "charset"):
                _check_encoding(str(value))
            if name.lower() == "mode" and str(value).upper() == "DROPMALFORMED":
                raise ValueError(f"received mode: {value}, with which Spark would silently drop records",
                                 "Remove it: unreadable records are quarantined or reported")
        return options

    @model_validator(mode="after")
    def _fits_the_format(self) -> FileSource:
        if self.format in FIXED:
            self._refuse_for_fixed()
        elif self.declared is None:
            raise ValueError("the key 'schema' is missing",
                             "Give each column its type, e.g. schema: {id: string}, or write schema: infer")
        if self.format not in MEDIA and self.max_file_mb != MAX_FILE_MB:
            raise ValueError(f"received max_file_mb for {self.format}", "It is for images and audio only; remove it")
        mode = next((value for name, value in self.options.items() if name.lower() == "mode"), "PERMISSIVE")
        if self.format in OURS and str(mode).upper() != "PERMISSIVE":
            raise ValueError(f"received mode: {mode}, but in {self.format} a record that can't be read is quarantined",
                             "Remove it; to fail with the first such record, set clean's max_reject_fraction to 0")
        if self.format in _TYPELESS and self.drift.retyped != "fail":
            raise ValueError(f"received drift.retyped: {self.drift.retyped}, but {self.format} files carry no types",
                             "Declare the column as string, and cast it by a rule")
        return self

    @model_validator(mode="after")
    def _of_a_dialect(self) -> FileSource:
        if self.format == "xml":
            check_xml(self.options)
        if self.format == "csv":
            Dialect.of(self.options)
            for name, kind in (self.declared.items() if isinstance(self.declared, dict) else ()):
                if "<" in kind:
                    raise ValueError(f"received the type {kind!r} for {name!r}, which CSV can't contain",
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
            raise ValueError(f"received options for {self.format}, which have none", "Remove them")
        for name, value in self.options.items():
            if name.lower() in ("encoding", "charset") and codecs.lookup(str(value)).name not in ("utf-8", "ascii"):
                raise ValueError(f"received {name}: {value} for text, which is read as UTF-8",
                                 "Convert the files, or read them as csv of one column")


def _check_encoding(name: str) -> None:
    try:
        codecs.lookup(name)
    except LookupError:
        common = ("UTF-8", "UTF-16", "ISO-8859-1", "windows-1252", "GB18030", "Shift_JIS")
        raise ValueError(f"received the unknown encoding {name!r}", nearest(name, common)) from None
