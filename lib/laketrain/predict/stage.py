"""From a table and a model to predictions. Checks that rows in = rows scored + rows quarantined.

    version = predict(spark, table, model, "unlabelled", config, key)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.column_names import DIGEST, prediction_name_clash, window_name_clash
from laketrain.config.evaluate import Predict
from laketrain.config.windows import Windows
from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet
from laketrain.lake import Version, fingerprint
from laketrain.lake.contents import list_data_files
from laketrain.lake.manifests import ModelManifest, PredictionsManifest
from laketrain.lake.quarantine import check_balance, commit_quarantine
from laketrain.lake.version import parent_fields
from laketrain.predict.incremental import earlier_predictions, split_predicted, with_digest
from laketrain.predict.scorer import REASON, RECORD, PredictTask, score_batches
from laketrain.spark.direct_read import row_refs, supports_direct_read
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import (
    SESSION_CONF,
    SPLIT,
    arrow_batches,
    configured,
    persisted,
    quoted,
    read,
    record,
    replace_invalid_utf8,
    write,
)
from laketrain.spark.windows import LATE, cut_windows
from laketrain.tasks import Output, read_outputs
from laketrain.tasks.columns import columns_of, prefix

REVISION = 5


def fingerprint_predict(table: Version, model: Version, config: Predict) -> str:
    """The fingerprint of scoring `table` with `model`."""
    return fingerprint("predict", REVISION, config, [table, model])


def predict(spark: SparkSession, table: Version, model: Version, name: str, config: Predict, key: str,
            before: Version | None = None) -> Version:
    """Scores every row of `table` and commits `quarantine/<name>-predictions`, then `predictions/<name>`.

    Each row has the kept columns (by default those of the key features), the predictions (`laketrain.tasks.columns`),
    model and data version. With `only_new`, rows in the predictions `before`, of the same model and config, keep their
    predictions and the data version in which they were first seen.
    """
    started = time.monotonic()
    table.check_files()
    trained = ModelManifest.of(model)
    features = FeatureSet.from_json(json.dumps(trained.features))
    outputs = read_outputs(trained.outputs, features)
    # Staged before the work, so that the commit detects another run that did the same work meanwhile.
    settings = {**SESSION_CONF, **arrow_batches(FeatureSet.of(features.inputs).row_bytes())}
    with (translate_spark_errors("predict", f"table {table.ref}"), configured(spark, settings),
          table.lake.table("predictions", name).stage() as draft):
        frame = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema or "")
        keep = _kept_columns(frame, features, config)
        _refuse_hidden(frame, features, outputs, trained.windows, keep, config)
        rows, scored_with = _rows(spark, frame, features, table, trained.windows, keep), ""
        if config.only_new:
            scored_with = fingerprint("predict", REVISION, config, [model])
            rows, keep = _without_predicted(rows, earlier_predictions(spark, before, scored_with)), [*keep, DIGEST]
        with persisted(_scored(spark, rows, features, outputs, table, model, config, keep)) as scored:
            good = scored.where(F.col(REASON).isNull()).drop(REASON, RECORD)
            # Written first, since this scores the rows, on all slots; rejected rows are written by a single task.
            write(good, draft.url())
            rejected = _rejected(scored, table)
            quarantine = commit_quarantine(
                draft.table, [table, model], lambda target: write(rejected.coalesce(1), target.url()),
                stage="predict", fingerprint=key, table_schema=rejected.schema.json())
            files = list_data_files(table.lake.store, draft.path())
            rows_out = sum(file.rows or 0 for file in files)
            check_balance("predict", f"table {table.ref}", rows.expected, rows_out, quarantine.rows)
            predicted = _predicted(good, outputs, rows_out)
            classes = [recorded["classes"] for recorded in predicted.values() if "classes" in recorded]
            manifest = PredictionsManifest(predicted=predicted, **({"scored_with": scored_with} if scored_with else {}))
            return draft.commit(
                stage="predict", fingerprint=key, files=files, table_schema=good.schema.json(),
                **parent_fields(table, model),
                counts={"in": rows.expected, "out": rows_out, "quarantined": quarantine.rows,
                        **({} if rows.predicted is None else {"known": _reused(good, table)}),
                        **({"classes": classes[0]} if len(predicted) == len(classes) == 1 else {})},
                meta=manifest.to_meta(), seconds=time.monotonic() - started,
            )


def _kept_columns(frame: DataFrame, features: FeatureSet, config: Predict) -> list[str]:
    if config.keep:
        for column in config.keep:
            if column not in frame.columns:
                raise DataError("predict", f"column {column!r} of 'keep'", "the table has no such column",
                                nearest(column, frame.columns))
        return list(config.keep)
    of_keys = dict.fromkeys(column for feature in features.ids.values() for column in feature.columns)
    return [column for column in of_keys if column in frame.columns]


def _refuse_hidden(frame: DataFrame, features: FeatureSet, outputs: Mapping[str, Output],
                   recorded: dict[str, Any] | None, keep: list[str], config: Predict) -> None:
    """Raises DataError if one column would silently hide another of the same name. `recorded` are the windows."""
    windows = None if recorded is None else Windows.model_validate(recorded)
    inputs = [name for feature in features.inputs.values() for name in feature.columns]
    output_names = columns_of(outputs, config.probabilities)
    problems = {"'keep'": prediction_name_clash(keep, output_names, config.only_new),
                **{f"column {name!r}": window_name_clash(name, windows, frame.columns) for name in (*keep, *inputs)}}
    for subject, problem in problems.items():
        if problem is not None:
            raise DataError("predict", subject, problem.problem, problem.hint)


@dataclass(frozen=True)
class _Rows:
    """The rows to score: those of the table, or windows of them with the `refused` rows that are in none. `refs` refer
    to rows that tasks can read from the table's files (`spark.direct_read`). `predicted` are rows with earlier
    predictions, which need no scoring."""

    frame: DataFrame
    expected: int
    refused: DataFrame | None = None
    refs: DataFrame | None = None
    predicted: DataFrame | None = None


def _rows(spark: SparkSession, frame: DataFrame, features: FeatureSet, table: Version,
          recorded: dict[str, Any] | None, keep: list[str]) -> _Rows:
    columns = list(dict.fromkeys([*keep, *(name for feature in features.inputs.values() for name in feature.columns)]))
    windows = None if recorded is None else Windows.model_validate({**recorded, "horizon": 0})
    needed, existing = columns, set(frame.columns)
    if windows is not None:
        needed = [*columns, windows.order, *windows.by, *filter(None, [windows.known_by])]
        existing = windows.columns(frame.columns)
    missing = [column for column in needed if column not in existing]
    if missing:
        raise DataError("predict", table.ref, f"has no column {missing[0]!r}, which the model needs",
                        nearest(missing[0], existing))
    if windows is None:
        chosen = frame.select(*(F.col(quoted(column)) for column in columns))
        direct = bool(table.rows) and supports_direct_read(frame, columns, [file.path for file in table.entry.files])
        return _Rows(chosen, table.rows, refs=row_refs(frame.withColumn(SPLIT, F.lit(0))) if direct else None)
    cut = cut_windows(frame.withColumn(SPLIT, F.lit(0)), windows, columns)
    counts, parts = cut.counts(), spark.sparkContext.defaultParallelism
    made, expected = cut.cut(parts), counts["made"] + counts["rows_refused"]
    refused = cut.rejected().withColumn(REASON, F.lit(f"has no place of its own in the order of {windows.order!r}"))
    if windows.known_by:
        refused = refused.unionByName(made.where(F.col(SPLIT) == LATE).withColumn(REASON, F.lit(windows.late_reason)))
    return _Rows(made.where(F.col(SPLIT) >= 0).drop(SPLIT), expected, refused.withColumn(RECORD, record(columns)))


def _without_predicted(rows: _Rows, earlier: DataFrame | None) -> _Rows:
    """The rows with their digests; those with an `earlier` prediction are in `predicted` instead."""
    if DIGEST in rows.frame.columns:
        raise DataError("predict", f"column {DIGEST!r}", "is the name of a column that 'only_new' adds",
                        "rename it in the integrate stage")
    frame = with_digest(rows.frame, rows.frame.columns)
    if earlier is None:
        return replace(rows, frame=frame, refs=None)
    new, predicted = split_predicted(frame, earlier)
    return replace(rows, frame=new, refs=None, predicted=predicted)


def _scored(spark: SparkSession, rows: _Rows, features: FeatureSet, outputs: Mapping[str, Output], table: Version,
            model: Version, config: Predict, keep: list[str]) -> DataFrame:
    added = {**columns_of(outputs, config.probabilities), "model": "string", "data": "string", REASON: "string",
             RECORD: "string"}
    slots = max(1, spark.sparkContext.defaultParallelism)
    columns = tuple(rows.frame.columns)
    task = PredictTask(table.lake.url, model.ref, FeatureSet.of(features.inputs).to_json(), outputs,
                       table.ref, columns, config.batch, tuple(keep), threads=max(1, (os.cpu_count() or 1) // slots),
                       probabilities=config.probabilities, source=table.path() if rows.refs is not None else "")
    types = dict(rows.frame.dtypes)
    schema = ", ".join(f"{quoted(name)} {kind}" for name, kind in (
        *((column, types[column]) for column in keep), *added.items()))
    batches = rows.refs
    if batches is None:  # `mapInArrow` only accepts plain names
        batches = rows.frame.toDF(*(f"_{number}" for number in range(len(columns))))
    scored = batches.mapInArrow(partial(score_batches, task), schema)
    for others in (rows.refused, rows.predicted):
        if others is not None:
            shared = [quoted(column) for column in (*keep, *added) if column in others.columns]
            scored = scored.unionByName(others.select(*shared), allowMissingColumns=True)
    return scored


def _reused(good: DataFrame, table: Version) -> int:
    """How many predictions come from an earlier version of the table."""
    return good.where(F.col("data") != table.ref).count()


def _predicted(good: DataFrame, outputs: Mapping[str, Output], rows: int) -> dict[str, dict[str, Any]]:
    """The statistics of the predictions that each output's task records."""
    return {name: output.task.prediction_counts(good, prefix(outputs, name), rows) for name, output in outputs.items()}


def _rejected(scored: DataFrame, table: Version) -> DataFrame:
    """The rows that could not be scored, with the columns of a quarantine."""
    return replace_invalid_utf8(scored.where(F.col(REASON).isNotNull()).select(
        F.lit(table.ref).alias("file"), F.lit("feature").alias("rule"), F.col(REASON).alias("reason"),
        F.col(RECORD).alias("record"),
    ))
