"""The contents of a lake: all tables, or one table with its versions and its lineage.

    describe(lake)                                # laketrain show --json
    describe_table(lake, "clean/pixels@2")        # laketrain show clean/pixels@2 --json

Both return JSON values. Keys keep their meaning; later releases may add some.

`describe`: `lake`, its URL; `tables`, a list by zone and name, each with `table` (`clean/pixels`), `versions` (how
many), the keys of its latest version, and `problem`: why that version can't be read, or null.

The keys of a version: `version`, `ref`, `stage`, `created` (ISO 8601, UTC), `by`, `laketrain`, `seconds`, `rows` (of
its Parquet files; null if it has none), `quarantined` (null if the stage counts none), `files`, `bytes`, and `figures`:
the most important numbers, by name.

`describe_table`: the keys of the version, and `table`, `lake`, `data`, `fingerprint`, `schema` (as the stage
saved it, or null), `counts`, `versions` (a list of all, newest first), and `lineage`: a list of the parents, each
with `ref`, `stage`, `created`, `rows`, `problem` and its own `parents`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from laketrain.errors import LakeError, nearest
from laketrain.lake import Lake, Table, Version
from laketrain.lake.manifests import CommonManifest
from laketrain.report import format as fmt

_REF = re.compile(r"(?P<table>[^@]+)(?:@(?P<number>[0-9]+))?")
_EMPTY = dict.fromkeys(("version", "ref", "stage", "created", "by", "laketrain", "seconds", "rows", "quarantined",
                        "files", "bytes", "figures"))


def describe(lake: Lake) -> dict[str, Any]:
    """All tables with a version. A table whose latest entry is damaged has a `problem`."""
    return {"lake": lake.url, "tables": [_table(table) for table in lake.tables()]}


def describe_table(lake: Lake, ref: str) -> dict[str, Any]:
    """One version: `clean/pixels@2`, or the latest of `clean/pixels`.

    Raises:
        LakeError: there is no such table or version, or its entry is damaged.
    """
    version = _version(lake, ref)
    entry = version.entry
    table = lake.table(version.zone, version.name)
    return {
        "lake": lake.url, "table": version.table, **_facts(version), "data": version.path(),
        "fingerprint": entry.fingerprint, "schema": entry.table_schema, "counts": entry.counts,
        "lineage": _parents(lake, version, {}, ()),
        "versions": [_facts(table.get(number)) for number in reversed(table.versions())],
    }


def _table(table: Table) -> dict[str, Any]:
    summary: dict[str, Any] = {"table": table.path, "versions": len(table.versions())}
    try:
        latest = table.latest()
    except LakeError as error:
        return {**summary, **_EMPTY, "problem": str(error)}
    return {**summary, **(_facts(latest) if latest else _EMPTY), "problem": None}


def _version(lake: Lake, ref: str) -> Version:
    match = _REF.fullmatch(ref)
    zone, _, name = (match["table"] if match else ref).partition("/")
    if match is None or not name:
        raise LakeError("lake", repr(ref), "names no table", "write clean/pixels, or clean/pixels@2 for its version 2")
    table = lake.table(zone, name)
    version = table.get(int(match["number"])) if match["number"] else table.latest()
    if version is None:
        raise LakeError("lake", table.path, "nothing was committed to it yet",
                        nearest(table.path, [other.path for other in lake.tables()]))
    return version


def _facts(version: Version) -> dict[str, Any]:
    entry = version.entry
    counted = any(file.rows is not None for file in entry.files)
    return {
        "version": version.number, "ref": version.ref, "stage": entry.stage, "created": entry.created.isoformat(),
        "by": entry.by, "laketrain": entry.laketrain, "seconds": entry.seconds,
        "rows": version.rows if counted else None, "quarantined": entry.counts.get("quarantined"),
        "files": len(entry.files), "bytes": sum(file.bytes for file in entry.files),
        "figures": dict(_figures(entry.counts, CommonManifest.of(version).metrics)),
    }


def _figures(counts: Mapping[str, Any], metrics: Any) -> Iterator[tuple[str, float]]:
    """Rows by split, a training's epochs and parameters, an evaluation's metrics, a run's stages."""
    figures = {**_mapping(counts.get("splits")),
               **{name: counts.get(name) for name in ("epochs", "parameters", "stages", "made", "columns", "warnings")},
               **_mapping(metrics)}
    return ((str(name), value) for name, value in figures.items() if fmt.is_number(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _parents(lake: Lake, version: Version, cache: dict[str, Version | LakeError],
             path: tuple[str, ...]) -> list[dict[str, Any]]:
    """The parents as a tree. Each entry is read once and kept in `cache`. A ref that is in its own `path` has no
    parents, so that a cycle ends."""
    parents: list[dict[str, Any]] = []
    for table, number in sorted(version.entry.parents.items()):
        ref = f"{table}@{number}"
        if ref not in cache:
            cache[ref] = _parent(lake, table, number)
        parent = cache[ref]
        if isinstance(parent, LakeError):
            parents.append({"ref": ref, "stage": None, "created": None, "rows": None, "problem": parent.problem,
                            "parents": []})
            continue
        facts = _facts(parent)
        ancestors = [] if ref in path else _parents(lake, parent, cache, (*path, version.ref, ref))
        parents.append({**{key: facts[key] for key in ("ref", "stage", "created", "rows")}, "problem": None,
                        "parents": ancestors})
    return parents


def _parent(lake: Lake, table: str, number: int) -> Version | LakeError:
    zone, _, name = table.partition("/")
    try:
        return lake.table(zone, name).get(number)
    except LakeError as error:
        return error
