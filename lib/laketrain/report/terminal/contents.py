"""The contents of a lake in the terminal: all tables, or one version with its lineage.

    print_contents(describe(lake))                        # laketrain show
    print_table(describe_table(lake, "clean/pixels@2"))   # laketrain show clean/pixels@2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from laketrain.report import format as fmt
from laketrain.report.terminal.console import literal, wide_console

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

_COLUMNS = (">rows", ">quarantined", ">size", "committed, UTC", "by", "figures")
_LEAST_WIDTH = {">quarantined": 50, ">size": 64, "committed, UTC": 76, ">versions": 95, "by": 105, "figures": 125}
"""How wide a terminal must be to show a column."""
_MOST_FIGURES = 3


def print_contents(contents: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints what `describe` returns, a line for each table."""
    console = console or wide_console()
    console.print(literal(f"lake {contents['lake']}"), soft_wrap=True)
    if not contents["tables"]:
        console.print("It is empty: run a workload, e.g. laketrain run conf/mnist.yaml", soft_wrap=True)
        return
    grid, add = _grid(console, "latest", ">versions", *_COLUMNS)
    zone = ""
    for table in contents["tables"]:
        if zone not in ("", table["table"].split("/")[0]):
            grid.add_section()
        zone = table["table"].split("/")[0]
        if table["problem"]:
            add(literal(table["table"], "red"), fmt.count(table["versions"]), *[""] * len(_COLUMNS))
        else:
            add(literal(table["ref"], "bold"), fmt.count(table["versions"]), *_row(table))
    console.print(grid)
    for table in contents["tables"]:
        if table["problem"]:
            console.print(literal(f"{table['table']}: {table['problem']}", "red"), soft_wrap=True)


def print_table(table: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints what `describe_table` returns: a version with its lineage, and the table's other versions."""
    console = console or wide_console()
    console.print(literal(table["ref"], "bold"))
    for name, value in (
        ("stage", table["stage"]), ("committed", f"{_timestamp(table['created'])} UTC by {table['by']}"),
        ("took", fmt.duration(table["seconds"])), ("data", f"{table['data']} in {table['lake']}"),
        ("holds", f"{fmt.count(table['files'])} files, {fmt.size(table['bytes'])}"),
        ("rows", fmt.count(table["rows"])),
        ("quarantined", fmt.count(table["quarantined"])), ("figures", _figures_text(table["figures"])),
        ("fingerprint", table["fingerprint"][:12]),
    ):
        if value and value != fmt.DASH:
            console.print(literal(f"{name:>12}  ", "dim") + literal(value), soft_wrap=True)
    console.print()
    console.print(_tree(table))
    console.print()
    grid, add = _grid(console, "version", *_COLUMNS)
    for version in table["versions"]:
        add(literal(version["ref"], "bold" if version["ref"] == table["ref"] else ""), *_row(version))
    console.print(grid)


def _tree(table: Mapping[str, Any]) -> Tree:
    from rich.tree import Tree

    root = Tree(literal(f"{table['ref']}, made from" if table["lineage"] else f"{table['ref']}, made from its sources"))
    _add_parents(root, table["lineage"])
    return root


def _add_parents(branch: Tree, parents: list[Mapping[str, Any]]) -> None:
    for parent in parents:
        label = literal(parent["ref"])
        if parent["problem"]:
            label += literal(f"  {parent['problem']}", "red")
        else:
            rows = f", {fmt.rows(parent['rows'])}" if parent["rows"] is not None else ""
            label += literal(f"  {parent['stage']}, {_timestamp(parent['created'])}{rows}", "dim")
        _add_parents(branch.add(label), parent["parents"])


def _row(version: Mapping[str, Any]) -> list[Any]:
    return [fmt.count(version["rows"]), fmt.count(version["quarantined"]), fmt.size(version["bytes"]),
            _timestamp(version["created"])[:16], literal(version["by"]),
            literal(_figures_text(dict(list(version["figures"].items())[:_MOST_FIGURES])), "dim")]


def _figures_text(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {fmt.count(value) if isinstance(value, int) else fmt.metric(value)}"
                     for name, value in figures.items())


def _timestamp(created: str) -> str:
    return fmt.timestamp(datetime.fromisoformat(created))


def _grid(console: Console, *columns: str) -> tuple[Any, Callable[..., None]]:
    """A rich table, and a function that adds a row with a cell for each of `columns`. Columns that start with `>` are
    aligned right; a narrow terminal shows fewer of them."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    shown = [index for index, column in enumerate(columns) if console.width >= _LEAST_WIDTH.get(column, 0)]
    for index in shown:
        column = columns[index]
        grid.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left",
                        no_wrap=0 < index < len(columns) - 1, overflow="fold")
    return grid, lambda *cells: grid.add_row(*(cells[index] for index in shown))
