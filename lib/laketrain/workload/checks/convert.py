"""Checks of the convert section's table, and of the columns that it names outside its features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.column_names import convert_name_clash, window_name_clash
from laketrain.errors import Problem
from laketrain.workload.checks.texts import unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.workload import Workload


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Columns are checked if the config determines which ones the table has."""
    convert = workload.convert
    if convert is None:
        return
    tables = [*workload.integrate, *workload.clean]
    if convert.table not in tables:
        yield unknown(("convert", "table"), "integrated or clean table", convert.table, tables)
        return
    types = columns.table(convert.table)
    if types is None:
        return
    for path, column in convert.columns.items():
        if column not in types:
            yield unknown(("convert", *path), f"column of {convert.table}", column, types)
        elif clash := convert_name_clash(column) or window_name_clash(column, convert.windows, types):
            yield clash.below("convert", *path)
    if convert.windows is not None and (problem := convert.windows.availability_problem(types)):
        yield problem.below("convert", "windows", "known_by")
