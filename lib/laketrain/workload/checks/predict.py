"""Checks of the predict section: its table has the kept columns and those of the model's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from laketrain.config.clean import Types
from laketrain.config.column_names import prediction_name_clash, window_name_clash
from laketrain.config.evaluate import Predict
from laketrain.errors import DataError, Problem, nearest
from laketrain.features import FeatureSet
from laketrain.tasks import Output, kinds_of
from laketrain.tasks.columns import columns_of
from laketrain.workload.checks.texts import sentence, unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.workload import Workload


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Checks that the table exists and has the kept columns."""
    predict, tables = workload.predict, [*workload.integrate, *workload.clean]
    if predict is None:
        return
    if predict.table not in tables:
        yield unknown(("predict", "table"), "integrated or clean table", predict.table, tables)
        return
    types = columns.table(predict.table)
    if types is None:
        return
    windows = workload.convert.windows if workload.convert else None
    accepted = types if windows is None else windows.columns(types, future=False)
    for index, column in enumerate(predict.keep):
        if column not in accepted:
            yield unknown(("predict", "keep", index), f"column of {predict.table}", column, accepted)
        elif clash := window_name_clash(column, windows, types):
            yield clash.below("predict", "keep", index)


def feature_problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Checks against the features: the columns of the model's inputs, and the names of the predictions' columns."""
    predict, features = workload.predict, workload.features
    if predict is None or features is None:
        return
    table = columns.table(predict.table)
    if predict.model is None or predict.model.partition("@")[0] == f"models/{workload.name}":
        yield from _output_columns(predict, features, workload.outputs, table)
    windows = workload.convert.windows if workload.convert else None
    accepted = table if table is None or windows is None else windows.columns(table, future=False)
    for name, feature in features.inputs.items():
        for column in feature.columns:
            if accepted is not None and column not in accepted:
                yield Problem.at(("predict", "table"), f"{predict.table} has no column {column!r}, which the model's "
                                 f"input {name!r} comes from", nearest(column, accepted))
            elif table is not None and (clash := window_name_clash(column, windows, table)):
                yield Problem.at(("predict", "table"), f"{predict.table}: {column!r} {clash.problem}", clash.hint)


def _output_columns(predict: Predict, features: FeatureSet, outputs: Mapping[str, Output],
                    table: Types | None) -> Iterator[Problem]:
    """Checks that a table can contain the predictions, and that no kept column has the name of one of theirs. By
    default the keys' columns are kept."""
    if predict.probabilities and outputs and not any(output.task.gives_probabilities for output in outputs.values()):
        yield Problem.at(("predict", "probabilities"), "has no effect: it is for classes, and the targets are "
                         f"{kinds_of(outputs)}", "Remove it")
    of_keys = dict.fromkeys(column for feature in features.ids.values() for column in feature.columns)
    kept = predict.keep or [column for column in of_keys if table is None or column in table]
    try:
        clash = prediction_name_clash(kept, columns_of(outputs, predict.probabilities), predict.only_new)
    except DataError as error:
        if outputs:  # without outputs, the check of the features reports it
            yield Problem.at(("predict",), f"{error.subject} {error.problem}", sentence(error.hint))
        return
    if clash is not None:
        yield clash.below(*(("predict", "keep") if predict.keep else ("predict",)))
