"""What must hold between the sections of a workload: every name that is used exists, and the numbers fit together.

    problems = list(cross_check(workload))
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from laketrain.config.clean import Check as CheckRule
from laketrain.config.clean import CleanTable, Derive, Types
from laketrain.config.columns import Columns
from laketrain.config.convert import Convert
from laketrain.config.document import Document
from laketrain.config.names import hidden_by_convert, hidden_by_window
from laketrain.config.sql import condition_error, expression_error
from laketrain.config.train import Ranks
from laketrain.config.windows import Windows
from laketrain.config.workload import Workload
from laketrain.errors import Problem, nearest

Found = Iterator[tuple[tuple[str | int, ...], str, str]]
"""Problems as (path in the file, what is wrong, hint)."""


def cross_check(workload: Workload) -> Found:
    """Every contradiction in `workload`, with the place in the file where it is best mended."""
    columns = Columns(workload)
    yield from _check_clean(workload, columns)
    yield from _check_integrate(workload, columns)
    yield from _check_convert(workload, columns)
    yield from _check_train(workload)
    yield from _check_after_training(workload, columns)
    yield from _check_quarantines(workload)


def unknown(noun: str, received: str, accepted: Iterable[str]) -> tuple[str, str]:
    """The words for a name that doesn't exist."""
    return f"there is no {noun} {received!r}", nearest(received, accepted)


def _check_clean(workload: Workload, columns: Columns) -> Found:
    for name, table in workload.clean.items():
        source = table.source or name
        if source not in workload.sources:
            place = ("clean", name, "source") if table.source else ("clean", name)
            yield place, *unknown("source", source, workload.sources)
            continue
        # Columns that only the data will tell are judged when it is read.
        if (known := workload.sources[source].columns) is not None:
            yield from _check_rules(name, table, dict(known))
        else:
            yield from ((("clean", name, "rules", index, rule.rule), *problem)
                        for index, rule in enumerate(table.rules) if (problem := rule.problem({})))


def _check_rules(name: str, table: CleanTable, columns: Types) -> Found:
    """Each rule is held against the columns that those before it leave."""
    for index, rule in enumerate(table.rules):
        place = ("clean", name, "rules", index, rule.rule)
        if isinstance(rule, CheckRule | Derive):
            judge = condition_error if isinstance(rule, CheckRule) else expression_error
            if problem := judge(rule.sql, columns):
                yield (*place, "sql"), *problem
        absent = [column for column in rule.uses() if column not in columns]
        for column in absent:
            yield place, *unknown("column", column, columns)
        if not absent and (problem := rule.problem(columns)):
            yield place, *problem
        columns = rule.after(columns)


def _check_integrate(workload: Workload, columns: Columns) -> Found:
    above: list[str] = []
    for name, table in workload.integrate.items():
        place, tables = ("integrate", name), [*above, *workload.clean]
        above.append(name)
        if table.table not in tables:
            yield (*place, "table"), *unknown("clean table", table.table, tables)
            continue
        for index, (step, here) in enumerate(columns.steps(name)):
            where = (*place, "steps", index, step.step)
            absent = [other for other in step.reads() if other not in tables]
            for other in absent:
                yield (*where, "table" if "table" in type(step).model_fields else "tables"), *unknown(
                    "clean table", other, tables)
            if not absent:
                yield from (((*where, *below), text, hint) for below, text, hint in step.problems(here))


def _check_convert(workload: Workload, columns: Columns) -> Found:
    convert = workload.convert
    if convert is None:
        return
    tables = [*workload.integrate, *workload.clean]
    if convert.table not in tables:
        yield ("convert", "table"), *unknown("integrated or clean table", convert.table, tables)
        return
    known = columns.table(convert.table)
    if known is None:
        return
    yield from _check_features(convert, known)
    for place, column in convert.columns.items():
        if column not in known:
            yield ("convert", *place), *unknown(f"column of {convert.table}", column, known)
        elif told := hidden_by_convert(column) or hidden_by_window(column, convert.windows, known):
            yield ("convert", *place), *told
    if convert.windows is not None and (problem := convert.windows.unlike(known)):
        yield ("convert", "windows", "known_by"), *problem


def _check_features(convert: Convert, known: Collection[str]) -> Found:
    windows = convert.windows
    named = known if windows is None else windows.columns(known)
    for name, feature in convert.features.items():
        key = "columns" if "columns" in feature else "column"
        used = feature["columns"] if key == "columns" else [feature.get("column", name)]
        columns = [column for column in used if isinstance(column, str)] if isinstance(used, list) else []
        for column in columns:
            if column not in named:
                yield ("convert", "features", name, key), *unknown(f"column of {convert.table}", column, named)
            elif told := hidden_by_convert(column) or hidden_by_window(column, windows, known):
                yield ("convert", "features", name, key), *told
        if windows is not None and set(columns) <= set(named):
            yield from ((("convert", "features", name, *place), text, hint)
                        for place, text, hint in _check_steps(feature, columns, windows))


def _check_steps(feature: dict[str, Any], columns: list[str], windows: Windows) -> Found:
    """A feature of whole windows has their length."""
    lengths = {windows.steps(column) for column in columns}
    if lengths == {None} or not lengths:
        return
    if len(lengths) > 1:
        yield ("columns",), "past, next and plain columns have different lengths", "Make a feature of each"
        return
    [steps], shape, size = lengths, feature.get("shape"), feature.get("size")
    if feature.get("kind") == "sequence" and isinstance(shape, list) and shape and shape[0] != steps:
        yield ("shape",), f"received {shape[0]} steps, but {columns[0]} has {steps}", f"Write {[steps, *shape[1:]]}"
    elif feature.get("kind") in ("value", "vector") and size != steps:
        yield ("size",), f"received {size}, but {columns[0]} has {steps} values", f"Write {steps}"


def _check_train(workload: Workload) -> Found:
    train, convert = workload.train, workload.convert
    if train is None:
        return
    if convert is None:
        yield ("train",), "there is no 'convert' section, so no dataset to train on", ""
        return
    for key, split in (("split", train.split), ("validation", train.validation)):
        if split is not None and split not in convert.split.names:
            yield ("train", key), *unknown("split", split, convert.split.names)
    scaled = train.on(train.ranks.max)
    lanes = scaled.lane_count
    if lanes < 1 or scaled.batch % lanes:
        yield ("train", "lanes"), f"{lanes} lanes don't divide the batch of {scaled.batch}", "Or leave 'auto'"
    elif train.augment is not None and train.augment.mixes and scaled.batch == lanes:
        yield ("train", "augment"), f"rows are mixed within a lane, and {lanes} lanes of a batch of {lanes} have one", (
            f"Take fewer lanes, or a batch of {2 * lanes} or more")
    elif not ranks_of(lanes, train.ranks):
        fitting = ", ".join(str(n) for n in ranks_of(lanes, Ranks(min=1, max=lanes)))
        yield ("train", "ranks"), f"{_many(train.ranks)} don't divide the {lanes} lanes of a batch of {scaled.batch}", (
            f"With this batch ranks may be {fitting}")
    slots = local_slots(workload.spark.master)
    if slots is not None and train.ranks.min > slots:
        yield ("train", "ranks"), f"{train.ranks.min} ranks, but Spark ({workload.spark.master}) has {slots} slots", (
            f"Lower ranks to {slots} or give Spark local[{train.ranks.min}]")


def _many(ranks: Ranks) -> str:
    return f"{ranks.min} ranks" if ranks.min == ranks.max else f"{ranks.min} to {ranks.max} ranks"


def ranks_of(lanes: int, ranks: Ranks) -> list[int]:
    """The numbers of ranks that may share so many lanes: those that divide them, the fewest first."""
    return [count for count in range(ranks.min, ranks.max + 1) if lanes % count == 0]


def _check_after_training(workload: Workload, columns: Columns) -> Found:
    convert = workload.convert
    for key in ("evaluate", "predict"):
        if getattr(workload, key) is not None and workload.train is None:
            yield (key,), "there is no 'train' section, so no model", ""
    if workload.evaluate and convert and workload.evaluate.split not in convert.split.names:
        yield ("evaluate", "split"), *unknown("split", workload.evaluate.split, convert.split.names)
    predict, tables = workload.predict, [*workload.integrate, *workload.clean]
    if predict is None:
        return
    if predict.table not in tables:
        yield ("predict", "table"), *unknown("integrated or clean table", predict.table, tables)
        return
    known = columns.table(predict.table)
    if known is None:
        return
    windows = convert.windows if convert else None
    named = known if windows is None else windows.columns(known, future=False)
    for index, column in enumerate(predict.keep):
        if column not in named:
            yield ("predict", "keep", index), *unknown(f"column of {predict.table}", column, named)
        elif told := hidden_by_window(column, windows, known):
            yield ("predict", "keep", index), *told


def _check_quarantines(workload: Workload) -> Found:
    """Each stage has a quarantine of its own, named after its table and, but for clean's, after the stage."""
    others = {f"{name}-joins": f"the integrated table {name!r}" for name in workload.integrate}
    if workload.convert is not None:
        others[f"{workload.dataset}-features"] = f"the dataset {workload.dataset!r}"
    if workload.predict is not None:
        name = workload.predict.name or workload.predict.table
        others[f"{name}-predictions"] = f"the predictions {name!r}"
    for name in workload.clean:
        if name in others:
            yield ("clean", name), f"its quarantine would be that of {others[name]}, too: quarantine/{name}", (
                "Give the clean table another name")


def local_slots(master: str | None) -> int | None:
    """Task slots of a local master, e.g. `local[4]`; None for a cluster or where the submit decides."""
    if master is None:
        return None
    if master == "local":
        return 1
    match = re.fullmatch(r"local\[(\d+|\*)(?:, *\d+)?\]", master)
    if not match:
        return None
    return (os.cpu_count() or 1) if match[1] == "*" else int(match[1])


def problems_at(found: Found, document: Document) -> list[Problem]:
    """`found` as problems, each with its place in the document."""
    return [Problem(document.where(path), text, hint, document.line(path)) for path, text, hint in found]
