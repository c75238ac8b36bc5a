"""From a committed table to a dataset in splits, each a true Petastorm dataset with its JSON beside it.

    version = convert(spark, table, "mnist", config, features, fingerprint_convert(table, config, features))
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.convert import Convert
from laketrain.convert.petastorm import common_metadata
from laketrain.convert.split import ORDER, SPLIT, order_of, split_of
from laketrain.convert.writer import QUARANTINE, RESULT_SCHEMA, TaskResult, WriteTask, Written, write_partition
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.lake import DataFile, Draft, Version, fingerprint
from laketrain.lake.quarantine import COLUMNS, check_balance, check_rejects, commit_rejects
from laketrain.spark.errors import explained
from laketrain.spark.frames import ALIKE, configured, quoted, read

REVISION = 1
LEARN_ON = "train"
_MB = 1 << 20
_BATCH_BYTES = 16 * _MB
_MOVES_AT_ONCE = 8


def fingerprint_convert(table: Version, config: Convert, features: FeatureSet) -> str:
    """Of converting `table` so."""
    settings = {"convert": config.model_dump(exclude={"features", "dataset"}),
                "features": json.loads(features.to_json())}
    return fingerprint("convert", REVISION, settings, [table])


def convert(
    spark: SparkSession, table: Version, dataset: str, config: Convert, features: FeatureSet, key: str
) -> Version:
    """Encodes every row of `table`, and commits `quarantine/<dataset>-features`, then `features/<dataset>`.

    Raises DataError where a column can't hold its feature, a split or a label would be empty, too many rows don't
    fit, or the counts don't add up.
    """
    started = time.monotonic()
    lake = table.lake
    settings = {**ALIKE, **_batches_of(max(1, _BATCH_BYTES // (4 * features.row_bytes())))}
    with (explained("convert", f"dataset {dataset!r}"), configured(spark, settings),
          lake.table("features", dataset).stage() as draft):
        rows_per_group = max(1, int(config.row_group_mb * _MB / features.row_bytes()))
        columns = tuple(dict.fromkeys(feature.column for _, feature in features.items()))
        task = WriteTask(lake.url, draft.path(), features.to_json(), columns, tuple(config.split.fractions), LEARN_ON,
                         rows_per_group, table.ref)
        frame = _placed(spark, table, config, task, features.row_bytes())
        rows = frame.mapInArrow(partial(write_partition, task), RESULT_SCHEMA).collect()
        results = [TaskResult.from_json(row["result"]) for row in sorted(rows, key=lambda row: row["partition"])]
        quarantine, reasons = _commit_quarantine(table, dataset, results, key)
        check_rejects("convert", f"dataset {dataset!r}", table.rows, reasons, config.max_reject_fraction,
                      quarantine.ref)
        sizes = {split: sum(result.files[split].rows for result in results if split in result.files)
                 for split in config.split.fractions}
        check_balance("convert", f"dataset {dataset!r}", table.rows, sum(sizes.values()), quarantine.rows)
        _refuse_empty(dataset, sizes)
        learnt = _learn(features, results)
        files = [file for split in config.split.fractions for file in _place(draft, split, results, learnt, dataset)]
        lake.store.delete(draft.path("_attempts"))
        files.append(_describe(draft, learnt, sizes))
        return draft.commit(
            stage="convert", fingerprint=key, files=files, parents={table.table: table.number},
            counts={"in": table.rows, "out": sum(sizes.values()), "quarantined": quarantine.rows, "reasons": reasons,
                    "splits": sizes},
            meta={"features": json.loads(learnt.to_json()), "rows_per_group": rows_per_group,
                  "split_seed": config.split.seed, "quarantine": quarantine.number},
            seconds=time.monotonic() - started,
        )


def _placed(spark: SparkSession, table: Version, config: Convert, task: WriteTask, row_bytes: int) -> DataFrame:
    """The columns of the features by number, since `mapInArrow` takes only plain names, and each row's split, in the
    order in which rows shall lie in the dataset."""
    frame = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema or "")
    split = split_of(config.split.by, config.split.fractions, config.split.seed).alias(SPLIT)
    chosen = [F.col(quoted(column)) for column in task.columns]
    numbered = [column.alias(f"_{number}") for number, column in enumerate(chosen)]
    if not config.shuffle:
        return frame.select(*numbered, split)
    parts = _partitions(spark, table.rows, task.rows_per_group, row_bytes, config.file_mb)
    # Rows of one key (a group) differ somewhere; the hash over all columns settles their order.
    order = F.concat(order_of(config.split.by, config.split.seed), F.hex(F.xxhash64(*chosen)))
    ordered = frame.select(*numbered, split, order.alias(ORDER))
    return ordered.repartitionByRange(parts, ORDER).sortWithinPartitions(ORDER).drop(ORDER)


def _partitions(spark: SparkSession, rows: int, rows_per_group: int, row_bytes: int, file_mb: float) -> int:
    """Enough for files of the wanted size, and to use every slot where there is a row group for each."""
    by_size = math.ceil(rows * row_bytes / (file_mb * _MB))
    by_slots = min(spark.sparkContext.defaultParallelism, math.ceil(rows / rows_per_group))
    return max(1, by_size, by_slots)


def _batches_of(rows: int) -> dict[str, str]:
    """Arrow batches capped by bytes: Spark counts rows only, so the cap is put in rows of this dataset."""
    return {"spark.sql.execution.arrow.maxRecordsPerBatch": str(min(rows, 10_000))}


def _learn(features: FeatureSet, results: list[TaskResult]) -> FeatureSet:
    """The features with the statistics of the train split in them, summed over tasks."""
    learnt = {}
    for name, feature in features.items():
        totals: dict[str, int] = {}
        for result in results:
            for key, value in result.tallies.get(name, {}).items():
                totals[key] = totals.get(key, 0) + value
        learnt[name] = feature.learnt(totals)
    return FeatureSet.of(learnt)


def _place(
    draft: Draft, split: str, results: list[TaskResult], features: FeatureSet, dataset: str
) -> list[DataFile]:
    """Moves a split's files to their names, in the order of the partitions, and writes Petastorm's metadata."""
    store = draft.table.lake.store
    found = [result.files[split] for result in results if split in result.files]
    names = [f"part-{number:05d}.parquet" for number in range(len(found))]
    with ThreadPoolExecutor(_MOVES_AT_ONCE) as pool:
        list(pool.map(lambda pair: store.move(pair[0].path, draft.path(f"{split}/{pair[1]}")),
                      zip(found, names, strict=True)))
    row_groups = {name: len(file.row_groups) for name, file in zip(names, found, strict=True)}
    content = common_metadata(f"{dataset}_{split}".replace("-", "_"), features, row_groups)
    store.write(draft.path(f"{split}/_common_metadata"), content)
    parts = [_data_file(f"{split}/{name}", file) for name, file in zip(names, found, strict=True)]
    return [*parts, DataFile(path=f"{split}/_common_metadata", bytes=len(content))]


def _data_file(path: str, file: Written) -> DataFile:
    return DataFile(path=path, bytes=file.bytes, rows=file.rows, row_groups=file.row_groups)


def _describe(draft: Draft, features: FeatureSet, sizes: Mapping[str, int]) -> DataFile:
    """`dataset.json` beside the splits: what the columns mean, for those who find the directory without the lake."""
    document: dict[str, Any] = {"features": json.loads(features.to_json()), "splits": dict(sizes)}
    content = json.dumps(document, indent=1).encode()
    draft.table.lake.store.write(draft.path("dataset.json"), content)
    return DataFile(path="dataset.json", bytes=len(content))


def _refuse_empty(dataset: str, sizes: Mapping[str, int]) -> None:
    empty = [split for split, rows in sizes.items() if not rows]
    if empty:
        raise DataError("convert", f"dataset {dataset!r}", f"got 0 rows in {', '.join(empty)} (all: {dict(sizes)})",
                        "raise that fraction in 'convert.split', or land more rows")


def _commit_quarantine(
    table: Version, dataset: str, results: list[TaskResult], key: str
) -> tuple[Version, dict[str, int]]:
    store, schema = table.lake.store, T.StructType([T.StructField(name, T.StringType()) for name in COLUMNS])
    reasons: dict[str, int] = {}
    for result in results:
        for rule, count in result.reasons.items():
            reasons[rule] = reasons.get(rule, 0) + count

    def fill(draft: Draft) -> dict[str, Any]:
        for number, result in enumerate(results):
            if QUARANTINE in result.files:
                store.move(result.files[QUARANTINE].path, draft.path(f"part-{number:05d}.parquet"))
        return {"quarantined": sum(reasons.values()), "reasons": reasons}

    return commit_rejects(table.lake.table("quarantine", f"{dataset}-features"), fill, stage="convert", fingerprint=key,
                          parents={table.table: table.number}, table_schema=schema.json()), reasons
