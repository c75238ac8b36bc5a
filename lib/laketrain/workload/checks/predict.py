"""Checks of the predict section: its table has the columns that are kept and that the model's inputs come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from laketrain.config.evaluate import Predict
from laketrain.config.integrate import Known
from laketrain.config.names import hidden_by_answers, hidden_by_window
from laketrain.errors import DataError, Problem, nearest
from laketrain.features import FeatureSet
from laketrain.tasks import Output, kinds_of
from laketrain.tasks.columns import columns_of
from laketrain.workload.checks.words import sentence, unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.workload import Workload


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """The table exists, and has the columns that are kept."""
    predict, tables = workload.predict, [*workload.integrate, *workload.clean]
    if predict is None:
        return
    if predict.table not in tables:
        yield unknown(("predict", "table"), "integrated or clean table", predict.table, tables)
        return
    known = columns.table(predict.table)
    if known is None:
        return
    windows = workload.convert.windows if workload.convert else None
    named = known if windows is None else windows.columns(known, future=False)
    for index, column in enumerate(predict.keep):
        if column not in named:
            yield unknown(("predict", "keep", index), f"column of {predict.table}", column, named)
        elif hidden := hidden_by_window(column, windows, known):
            yield Problem.at(("predict", "keep", index), *hidden)


def unfit(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """What doesn't fit the features: columns of the model's inputs, and names of the answers."""
    predict, features = workload.predict, workload.features
    if predict is None or features is None:
        return
    table = columns.table(predict.table)
    if predict.model is None or predict.model.partition("@")[0] == f"models/{workload.name}":
        yield from _answers(predict, features, workload.outputs, table)
    windows = workload.convert.windows if workload.convert else None
    known = table if table is None or windows is None else windows.columns(table, future=False)
    for name, feature in features.inputs.items():
        for column in feature.columns:
            if known is not None and column not in known:
                yield Problem.at(("predict", "table"), f"{predict.table} has no column {column!r}, which the model's "
                                 f"input {name!r} comes from", nearest(column, known))
            elif table is not None and (hidden := hidden_by_window(column, windows, table)):
                yield Problem.at(("predict", "table"), f"{predict.table}: {column!r} {hidden[0]}", hidden[1])


def _answers(predict: Predict, features: FeatureSet, outputs: Mapping[str, Output],
             table: Known) -> Iterator[Problem]:
    """A table can hold the answers, and no kept column has the name of one. By default the keys' columns are kept."""
    if predict.probabilities and outputs and not any(output.task.gives_probabilities for output in outputs.values()):
        yield Problem.at(("predict", "probabilities"), "would change nothing: it is for classes, and the targets are "
                         f"{kinds_of(outputs)}", "Remove it")
    of_keys = dict.fromkeys(column for feature in features.ids.values() for column in feature.columns)
    kept = predict.keep or [column for column in of_keys if table is None or column in table]
    try:
        hidden = hidden_by_answers(kept, columns_of(outputs, predict.probabilities), predict.only_new)
    except DataError as error:
        if outputs:  # the check of the features reports that there are none
            yield Problem.at(("predict",), f"{error.subject} {error.problem}", sentence(error.hint))
        return
    if hidden is not None:
        yield Problem.at(("predict", "keep") if predict.keep else ("predict",), *hidden)
