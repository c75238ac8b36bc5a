"""From a table and a model to predictions: rows in = rows scored + rows quarantined, checked.

    version = predict(spark, table, model, "unlabelled", config, key)
"""

from __future__ import annotations

import json
import os
import time
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.train import Predict
from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet, Label
from laketrain.lake import Draft, Version, fingerprint
from laketrain.lake.contents import found_files
from laketrain.lake.quarantine import check_balance, commit_rejects
from laketrain.predict.scorer import REASON, RECORD, PredictTask, score_batches
from laketrain.spark.errors import explained
from laketrain.spark.frames import ALIKE, arrow_batches, configured, persisted, quoted, read, write

REVISION = 1


def fingerprint_predict(table: Version, model: Version, config: Predict) -> str:
    """Of scoring `table` by `model` so."""
    return fingerprint("predict", REVISION, config, [table, model])


def predict(spark: SparkSession, table: Version, model: Version, name: str, config: Predict, key: str) -> Version:
    """Scores every row of `table` and commits `quarantine/<name>-predictions`, then `predictions/<name>`.

    Each row has the kept columns (by default those of the key features), class, probability, model and data version.
    """
    started = time.monotonic()
    features = FeatureSet.from_json(json.dumps(model.entry.meta["features"]))
    # Staged before the work, so that the commit finds out where another run did the same work meanwhile.
    settings = {**ALIKE, **arrow_batches(FeatureSet.of(features.inputs).row_bytes())}
    with (explained("predict", f"table {table.ref}"), configured(spark, settings),
          table.lake.table("predictions", name).stage() as draft):
        frame = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema or "")
        keep = _kept(frame, features, config)
        scored = _scored(spark, frame, features, table, model, config, keep)
        with persisted(scored) as scored:
            quarantine = _commit_quarantine(scored, table, model, name, key)
            good = scored.where(F.col(REASON).isNull()).drop(REASON, RECORD)
            write(good, draft.url())
            files = found_files(table.lake.store, draft.path())
            rows_out = sum(file.rows or 0 for file in files)
            check_balance("predict", f"table {table.ref}", table.rows, rows_out, quarantine.rows)
            counts = {str(row["class"]): row["count"] for row in good.groupBy("class").count().collect()}
            return draft.commit(
                stage="predict", fingerprint=key, files=files, table_schema=good.schema.json(),
                parents={table.table: table.number, model.table: model.number},
                counts={"in": table.rows, "out": rows_out, "quarantined": quarantine.rows,
                        "classes": dict(sorted(counts.items()))},
                seconds=time.monotonic() - started,
            )


def _kept(frame: DataFrame, features: FeatureSet, config: Predict) -> list[str]:
    if config.keep:
        for column in config.keep:
            if column not in frame.columns:
                raise DataError("predict", f"column {column!r} of 'keep'", "the table has no such column",
                                nearest(column, frame.columns))
        return list(config.keep)
    return [column for feature in features.ids.values() for column in feature.columns if column in frame.columns]


def _scored(spark: SparkSession, frame: DataFrame, features: FeatureSet, table: Version, model: Version,
            config: Predict, keep: list[str]) -> DataFrame:
    [(_, label)] = features.targets.items()
    if not isinstance(label, Label):
        raise DataError("predict", model.ref, f"predicts a {label.kind}, expected a label")
    inputs = FeatureSet.of(features.inputs)
    slots = max(1, spark.sparkContext.defaultParallelism)
    task = PredictTask(table.lake.url, model.ref, inputs.to_json(), label.model_dump_json(), table.ref, config.batch,
                       tuple(keep), threads=max(1, (os.cpu_count() or 1) // slots))
    columns = list(dict.fromkeys([*keep, *inputs.columns]))
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise DataError("predict", table.ref, f"has no column {absent[0]!r}, which the model needs",
                        nearest(absent[0], frame.columns))
    kinds = dict(frame.dtypes)
    schema = ", ".join([
        *(f"{quoted(column)} {kinds[column]}" for column in keep),
        f"class {'bigint' if label.names is None else 'string'}", "probability double", "model string", "data string",
        f"{REASON} string", f"{RECORD} string",
    ])
    return frame.select(*(F.col(quoted(column)) for column in columns)).mapInArrow(partial(score_batches, task), schema)


def _commit_quarantine(scored: DataFrame, table: Version, model: Version, name: str, key: str) -> Version:
    rejected = scored.where(F.col(REASON).isNotNull()).select(
        F.lit(table.ref).alias("file"), F.lit("feature").alias("rule"), F.col(REASON).alias("reason"),
        F.col(RECORD).alias("record"),
    )

    def fill(draft: Draft) -> dict[str, Any]:
        write(rejected.coalesce(1), draft.url())
        return {"quarantined": sum(file.rows or 0 for file in found_files(table.lake.store, draft.path()))}

    return commit_rejects(table.lake.table("quarantine", f"{name}-predictions"), fill, stage="predict", fingerprint=key,
                          table_schema=rejected.schema.json(),
                          parents={table.table: table.number, model.table: model.number})
