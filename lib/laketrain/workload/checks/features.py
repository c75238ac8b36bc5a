"""Checks of the features: their columns, their names, and settings that are learnt or have no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from laketrain.config.column_names import convert_name_clash, find_clash, window_name_clash
from laketrain.config.windows import Windows
from laketrain.errors import DataError, Problem
from laketrain.features import Feature, FeatureSet
from laketrain.features.base import fitted_fields
from laketrain.tasks import task_of
from laketrain.workload.checks.texts import sentence, unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.convert import Convert
    from laketrain.workload.train import Train
    from laketrain.workload.workload import Workload

_PATH = ("convert", "features")


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Columns are checked if the config determines which ones the table has."""
    convert = workload.convert
    if convert is None:
        return
    features = convert.features
    if (clash := find_clash(features)) is not None:
        yield Problem.at((*_PATH, clash[1]), f"{clash[0]!r} and {clash[1]!r} differ by capitals alone, and name "
                         "columns that Spark can't distinguish", "Rename one of them")
    for name, feature in features.items():
        yield from _removable_settings(name, feature)
        if feature.role == "target":
            yield from _task(name, feature)
    if workload.train is not None:
        yield from _roles(features, workload.train)
    types = columns.table(convert.table)
    if types is not None:
        yield from _columns(convert, types)


def _removable_settings(name: str, feature: Feature) -> Iterator[Problem]:
    """Settings of the feature that must be removed."""
    for key in fitted_fields(feature) & feature.model_fields_set:
        yield Problem.at((*_PATH, name, key), "is learnt from the train split, not set", "Remove it")
    unused = list(feature.unused_settings())
    if len(feature.columns) > 1 and feature.column != name:
        unused.append(("column", "isn't read, because the feature has `columns`"))
    for key, why in unused:
        yield Problem.at((*_PATH, name, key), f"has no effect: it {why}", "Remove it")


def _task(name: str, feature: Feature) -> Iterator[Problem]:
    """Checks that the target suits the task that it names."""
    try:
        task_of(name, feature)
    except DataError as error:
        yield Problem.at((*_PATH, name, "task"), f"{error.subject} {error.problem}", sentence(error.hint))


def _roles(features: FeatureSet, train: Train) -> Iterator[Problem]:
    if not features.inputs:
        yield Problem.at(_PATH, "no feature has the role input, so there is nothing to learn from",
                         "Declare one, e.g. image: {kind: image, …}")
    if not features.targets and not train.model.tasks(features):
        yield Problem.at(_PATH, "no feature has the role target, so there is nothing to learn",
                         "Declare one, e.g. label: {kind: label, classes: 10}")


def _columns(convert: Convert, table_columns: Collection[str]) -> Iterator[Problem]:
    windows = convert.windows
    accepted = table_columns if windows is None else windows.columns(table_columns)
    for name, feature in convert.features.items():
        path = (*_PATH, name, "columns" if getattr(feature, "column_names", None) else "column")
        for column in feature.columns:
            if column not in accepted:
                yield unknown(path, f"column of {convert.table}", column, accepted)
            elif clash := convert_name_clash(column) or window_name_clash(column, windows, table_columns):
                yield clash.below(*path)
        if windows is not None and set(feature.columns) <= set(accepted):
            yield from (problem.below(*_PATH, name) for problem in _steps(feature, windows))


def _steps(feature: Feature, windows: Windows) -> Iterator[Problem]:
    """Checks that the feature has the length of its windows."""
    columns = feature.columns
    lengths = {windows.steps(column) for column in columns}
    if lengths == {None}:
        return
    if len(lengths) > 1:
        yield Problem.at(("columns",), "past, next and plain columns have different lengths", "Make a feature of each")
        return
    [steps], size = lengths, getattr(feature, "size", None)
    if feature.kind == "sequence" and feature.shape[0] != steps:
        yield Problem.at(("shape",), f"received {feature.shape[0]} steps, but {columns[0]} has {steps}",
                         f"Write {[steps, *feature.shape[1:]]}")
    elif feature.kind in ("value", "vector") and size != steps:
        yield Problem.at(("size",), f"received {size}, but {columns[0]} has {steps} values", f"Write {steps}")
