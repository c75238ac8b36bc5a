"""What a lake holds, for people and for programs: the tables, or one table with its versions and its lineage.

    print_contents(describe(lake))                        # laketrain show
    print_table(describe_table(lake, "clean/pixels@2"))   # laketrain show clean/pixels@2

The dicts are JSON values, printed as they are by `--json`. Their keys stay; later laketrains may add some.

`describe`: `lake`, its URL; `tables`, a list by zone and name, each with `table` (`clean/pixels`), `versions` (how
many), the keys of its latest version, and `problem`: what keeps that from being read, null where nothing does.

A version has `version`, `ref`, `stage`, `created` (ISO 8601, UTC), `by`, `laketrain`, `seconds`, `rows` (of its Parquet
files; null where it has none), `quarantined` (null where the stage counts none), `files`, `bytes`, and `figures`:
numbers that say most of what it is, by name.

`describe_table`: the keys of the version, and `table`, `lake`, `data`, `fingerprint`, `schema` (the text that the stage
saved, null for none), `counts`, `versions` (a list of all, newest first), and `lineage`: a list of the parents, each
with `ref`, `stage`, `created`, `rows`, `problem` and its own `parents`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from laketrain.errors import LakeError, nearest
from laketrain.lake import Lake, Table, Version
from laketrain.report import words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

_REF = re.compile(r"(?P<table>[^@]+)(?:@(?P<number>[0-9]+))?")
_COLUMNS = (">rows", ">quarantined", ">size", "committed, UTC", "by", "figures")
_NEEDS = {">quarantined": 50, ">size": 64, "committed, UTC": 76, ">versions": 95, "by": 105, "figures": 125}
_PIPED = 150
_FEW = 3
_EMPTY = dict.fromkeys(("version", "ref", "stage", "created", "by", "laketrain", "seconds", "rows", "quarantined",
                        "files", "bytes", "figures"))


def describe(lake: Lake) -> dict[str, Any]:
    """Every table with a version. A table whose latest entry is damaged is there with its `problem`."""
    return {"lake": lake.url, "tables": [_table(table) for table in lake.tables()]}


def describe_table(lake: Lake, ref: str) -> dict[str, Any]:
    """One version, the latest where `ref` gives no number, as `clean/pixels` or `clean/pixels@2`.

    Raises:
        LakeError: there is no such table or version, or its entry is damaged.
    """
    version = _version(lake, ref)
    entry = version.entry
    table = lake.table(version.zone, version.name)
    known: dict[str, Version | LakeError] = {}
    return {
        "lake": lake.url, "table": version.table, **_facts(version), "data": version.path(),
        "fingerprint": entry.fingerprint, "schema": entry.table_schema, "counts": entry.counts,
        "lineage": _parents(lake, version, known, ()),
        "versions": [_facts(table.get(number)) for number in reversed(table.versions())],
    }


def _table(table: Table) -> dict[str, Any]:
    there: dict[str, Any] = {"table": table.path, "versions": len(table.versions())}
    try:
        latest = table.latest()
    except LakeError as error:
        return {**there, **_EMPTY, "problem": str(error)}
    return {**there, **(_facts(latest) if latest else _EMPTY), "problem": None}


def _version(lake: Lake, ref: str) -> Version:
    match = _REF.fullmatch(ref)
    zone, _, name = (match["table"] if match else ref).partition("/")
    if match is None or not name:
        raise LakeError("lake", repr(ref), "names no table", "write clean/pixels, or clean/pixels@2 for its version 2")
    table = lake.table(zone, name)
    found = table.get(int(match["number"])) if match["number"] else table.latest()
    if found is None:
        raise LakeError("lake", table.path, "nothing was committed to it yet",
                        nearest(table.path, [there.path for there in lake.tables()]))
    return found


def _facts(version: Version) -> dict[str, Any]:
    entry = version.entry
    counted = any(file.rows is not None for file in entry.files)
    return {
        "version": version.number, "ref": version.ref, "stage": entry.stage, "created": entry.created.isoformat(),
        "by": entry.by, "laketrain": entry.laketrain, "seconds": entry.seconds,
        "rows": version.rows if counted else None, "quarantined": entry.counts.get("quarantined"),
        "files": len(entry.files), "bytes": sum(file.bytes for file in entry.files),
        "figures": dict(_figures(entry.counts, entry.meta)),
    }


def _figures(counts: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Rows by split, a training's epochs and parameters, an evaluation's metrics, a run's stages."""
    found = {**_mapping(counts.get("splits")),
             **{name: counts.get(name) for name in ("epochs", "parameters", "stages", "made", "columns", "warnings")},
             **_mapping(meta.get("metrics"))}
    return ((str(name), value) for name, value in found.items() if words.is_number(value))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _parents(lake: Lake, version: Version, known: dict[str, Version | LakeError], above: tuple[str, ...]
             ) -> list[dict[str, Any]]:
    """The parents as a tree. Each entry is read once, however often it is met; a circle ends where it closes."""
    found: list[dict[str, Any]] = []
    for table, number in sorted(version.entry.parents.items()):
        ref = f"{table}@{number}"
        if ref not in known:
            known[ref] = _parent(lake, table, number)
        parent = known[ref]
        if isinstance(parent, LakeError):
            found.append({"ref": ref, "stage": None, "created": None, "rows": None, "problem": parent.problem,
                          "parents": []})
            continue
        facts = _facts(parent)
        deeper = [] if ref in above else _parents(lake, parent, known, (*above, version.ref, ref))
        found.append({**{key: facts[key] for key in ("ref", "stage", "created", "rows")}, "problem": None,
                      "parents": deeper})
    return found


def _parent(lake: Lake, table: str, number: int) -> Version | LakeError:
    zone, _, name = table.partition("/")
    try:
        return lake.table(zone, name).get(number)
    except LakeError as error:
        return error


def print_contents(found: Mapping[str, Any], console: Console | None = None) -> None:
    """A table a line."""
    console = console or _console()
    console.print(_text(f"lake {found['lake']}"), soft_wrap=True)
    if not found["tables"]:
        console.print("It is empty: run a workload, e.g. laketrain run conf/mnist.yaml", soft_wrap=True)
        return
    grid, add = _grid(console, "latest", ">versions", *_COLUMNS)
    zone = ""
    for table in found["tables"]:
        if zone not in ("", table["table"].split("/")[0]):
            grid.add_section()
        zone = table["table"].split("/")[0]
        if table["problem"]:
            add(_text(table["table"], "red"), words.count(table["versions"]), *[""] * len(_COLUMNS))
        else:
            add(_text(table["ref"], "bold"), words.count(table["versions"]), *_row(table))
    console.print(grid)
    for table in found["tables"]:
        if table["problem"]:
            console.print(_text(f"{table['table']}: {table['problem']}", "red"), soft_wrap=True)


def print_table(found: Mapping[str, Any], console: Console | None = None) -> None:
    """A version with its lineage, and the table's other versions."""
    console = console or _console()
    console.print(_text(found["ref"], "bold"))
    for name, value in (
        ("stage", found["stage"]), ("committed", f"{_when(found['created'])} UTC by {found['by']}"),
        ("took", words.duration(found["seconds"])), ("data", f"{found['data']} in {found['lake']}"),
        ("holds", f"{words.count(found['files'])} files, {words.size(found['bytes'])}"),
        ("rows", words.count(found["rows"])),
        ("quarantined", words.count(found["quarantined"])), ("figures", _said(found["figures"])),
        ("fingerprint", found["fingerprint"][:12]),
    ):
        if value and value != words.NOTHING:
            console.print(_text(f"{name:>12}  ", "dim") + _text(value), soft_wrap=True)
    console.print()
    console.print(_tree(found))
    console.print()
    grid, add = _grid(console, "version", *_COLUMNS)
    for version in found["versions"]:
        add(_text(version["ref"], "bold" if version["ref"] == found["ref"] else ""), *_row(version))
    console.print(grid)


def _tree(found: Mapping[str, Any]) -> Tree:
    from rich.tree import Tree

    root = Tree(_text(f"{found['ref']}, made from" if found["lineage"] else f"{found['ref']}, made from its sources"))
    _grow(root, found["lineage"])
    return root


def _grow(branch: Tree, parents: list[Mapping[str, Any]]) -> None:
    for parent in parents:
        label = _text(parent["ref"])
        if parent["problem"]:
            label += _text(f"  {parent['problem']}", "red")
        else:
            rows = f", {words.rows(parent['rows'])}" if parent["rows"] is not None else ""
            label += _text(f"  {parent['stage']}, {_when(parent['created'])}{rows}", "dim")
        _grow(branch.add(label), parent["parents"])


def _row(version: Mapping[str, Any]) -> list[Any]:
    return [words.count(version["rows"]), words.count(version["quarantined"]), words.size(version["bytes"]),
            _when(version["created"])[:16], _text(version["by"]),
            _text(_said(dict(list(version["figures"].items())[:_FEW])), "dim")]


def _said(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {words.count(value) if isinstance(value, int) else words.metric(value)}"
                     for name, value in figures.items())


def _when(created: str) -> str:
    return words.stamp(datetime.fromisoformat(created))


def _text(value: Any, style: str = "") -> Any:
    """Text that rich takes as it is: what comes from a lake is never markup, nor a terminal's control codes."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else "�" for letter in str(value)), style)


def _grid(console: Console, *columns: str) -> tuple[Any, Callable[..., None]]:
    """A rich table, and what adds a row of all columns to it. Columns that begin with `>` are numbers; a narrow
    terminal does without some."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    shown = [place for place, column in enumerate(columns) if console.width >= _NEEDS.get(column, 0)]
    for place in shown:
        column = columns[place]
        grid.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left",
                        no_wrap=0 < place < len(columns) - 1, overflow="fold")
    return grid, lambda *cells: grid.add_row(*(cells[place] for place in shown))


def _console() -> Console:
    """The terminal, or room enough where the output goes to a file or another program."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, _PIPED))
