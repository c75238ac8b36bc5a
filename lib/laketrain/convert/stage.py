"""Converts a committed table to a dataset in splits, each a Petastorm dataset, with a description in JSON.

    version = convert(spark, table, "mnist", config, fingerprint_convert(table, config))
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.convert.class_counts import ClassCounts
from laketrain.convert.column_types import refuse_types
from laketrain.convert.leakage import Leak, find_leaks, find_near_duplicate_leaks
from laketrain.convert.oversample import COPY
from laketrain.convert.petastorm import common_metadata
from laketrain.convert.split import ORDER, order_of
from laketrain.convert.split_checks import refuse_empty, single_value_warnings
from laketrain.convert.split_rows import FIT_SPLIT, split_rows
from laketrain.convert.writer import (
    QUARANTINE,
    RESULT_SCHEMA,
    TaskResult,
    WriteTask,
    WrittenFile,
    part_of,
    tally_partition,
    write_partition,
)
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.lake import DataFile, Draft, Version, fingerprint
from laketrain.lake.contents import verify_rows
from laketrain.lake.manifests import DatasetManifest
from laketrain.lake.quarantine import COLUMNS, check_balance, check_rejects, commit_quarantine
from laketrain.lake.version import parent_fields
from laketrain.spark.direct_read import row_refs
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, SPLIT, arrow_batches, configured, quoted
from laketrain.workload import Convert
from laketrain.workload.former import former_convert

REVISION = 5
_MB = 1 << 20
_CONCURRENT_MOVES = 8
_REJECTED = T.StructType([T.StructField(name, T.StringType()) for name in COLUMNS])


def fingerprint_convert(table: Version, config: Convert) -> str:
    """The fingerprint of converting `table` with these settings."""
    settings = {"convert": former_convert(config.model_dump(exclude={"features", "dataset"})),
                "features": json.loads(config.features.to_json())}
    return fingerprint("convert", REVISION, settings, [table])


def convert(spark: SparkSession, table: Version, dataset: str, config: Convert, key: str) -> Version:
    """Encodes every row of `table`, and commits `quarantine/<dataset>-features`, then `features/<dataset>`.

    Raises DataError if a column's type doesn't suit its feature, a split or a label would be empty, too many rows are
    rejected, or the counts don't add up.
    """
    started, lake, features = time.monotonic(), table.lake, config.features
    rows_per_group = max(1, int(config.row_group_mb * _MB / features.row_bytes()))
    count = _partitions(spark, table.rows, rows_per_group, features.row_bytes(), config.file_mb)
    settings = {**SESSION_CONF, **arrow_batches(features.row_bytes()), **_read_conf(table, count)}
    with (translate_spark_errors("convert", f"dataset {dataset!r}"), configured(spark, settings),
          lake.table("features", dataset).stage() as draft, split_rows(spark, table, config, count) as rows):
        refuse_types(rows.frame, features)
        leaks = _find_leaks(rows.frame, dataset, config)
        features = _fit_first(rows.frame, config)
        task = WriteTask(lake.url, draft.path(), features.to_json(), rows.columns, config.split.names, FIT_SPLIT,
                         rows_per_group, table.ref, rows.refusals, "" if config.shuffle else rows.source,
                         config.split.by or "")
        frame = _task_input(rows.frame, config, task, count)
        results = _results(frame.mapInArrow(partial(write_partition, task), RESULT_SCHEMA))
        reasons = _reasons(results)
        quarantine = commit_quarantine(
            draft.table, [table], partial(_move_rejected, results), stage="convert", fingerprint=key,
            table_schema=_REJECTED.json(), counts={"quarantined": sum(reasons.values()), "reasons": reasons})
        check_rejects("convert", f"dataset {dataset!r}", rows.expected, reasons, config.max_reject_fraction,
                      quarantine.ref)
        parts = {split: _parts_of(split, features, results) for split in config.split.names}
        sizes = {split: sum(sum(part.rows) for part in of_split) for split, of_split in parts.items()}
        check_balance("convert", f"dataset {dataset!r}", rows.expected, sum(sizes.values()), quarantine.rows)
        refuse_empty(dataset, sizes, rows.frame, config.split)
        class_counts = ClassCounts().merged(result.class_counts for result in results)
        class_counts.refuse_masked(dataset, features, sizes)
        fitted = features.fit([result.tallies for result in results], first=False)
        files = [file for split, of_split in parts.items()
                 for file in _move_split(draft, split, of_split, fitted, dataset)]
        lake.store.delete(draft.path("_attempts"))
        files.append(_describe(draft, fitted, sizes))
        verify_rows(lake.store, draft.path(), files)
        manifest = DatasetManifest(
            features=json.loads(fitted.to_json()), rows_per_group=rows_per_group,
            classes={split: class_counts.classes[split] for split in sizes if split in class_counts.classes},
            bucket_files={split: [len(part.files) for part in of_split] for split, of_split in parts.items()},
            windows=None if config.windows is None else config.windows.model_dump(mode="json"),
            leaks=[leak.message for leak in leaks], narrow=single_value_warnings(results, sizes, config.split),
            split_seed=config.split.seed, quarantine=quarantine.number)
        return draft.commit(
            stage="convert", fingerprint=key, files=files, **parent_fields(table),
            counts={"in": rows.expected, "out": sum(sizes.values()), "quarantined": quarantine.rows, "reasons": reasons,
                    "splits": sizes, **rows.counts, **class_counts.weight_counts(sizes),
                    **({"leaks": sum(leak.count for leak in leaks)} if config.leakage else {})},
            meta=manifest.to_meta(), seconds=time.monotonic() - started,
        )


def _find_leaks(rows: DataFrame, dataset: str, config: Convert) -> list[Leak]:
    """The leaks between splits. Raises DataError if there are any and `leakage.action` is `fatal`."""
    if config.leakage is None:
        return []
    inputs = FeatureSet.of(config.features.inputs).columns if config.leakage.duplicates else ()
    leaks = find_leaks(rows, config.leakage.keys, inputs, config.split.names)
    if config.leakage.near_duplicates is not None:
        leaks += find_near_duplicate_leaks(rows, config.leakage.near_duplicates, config.split.names)
    if leaks and config.leakage.action == "fatal":
        raise DataError("convert", f"dataset {dataset!r}", "; ".join(leak.message for leak in leaks),
                        "split by that key ('convert.split.by'), drop the duplicates in clean, or report only")
    return leaks


def _fit_first(rows: DataFrame, config: Convert) -> FeatureSet:
    """The features. Those that need statistics of the train split before rows are written are fitted."""
    features = config.features
    if not any(feature.fit_first for _, feature in features.items()):
        return features
    chosen = [F.col(quoted(column)).alias(f"_{number}") for number, column in enumerate(features.columns)]
    train = rows.where(F.col(SPLIT) == config.split.names.index(FIT_SPLIT)).select(*chosen)
    tally = partial(tally_partition, features.to_json(), features.columns)
    return features.fit([result.tallies for result in _results(train.mapInArrow(tally, RESULT_SCHEMA))], first=True)


def _results(frame: DataFrame) -> list[TaskResult]:
    """The results of the tasks, in the order of their partitions."""
    rows = sorted(frame.collect(), key=lambda row: row["partition"])
    return [TaskResult.from_json(row["result"]) for row in rows]


def _task_input(rows: DataFrame, config: Convert, task: WriteTask, parts: int) -> DataFrame:
    """The input of the tasks: columns named by number (`mapInArrow` accepts only plain names) and SPLIT, in the order
    that the rows have in the dataset."""
    chosen = [F.col(quoted(column)) for column in task.columns]
    numbered = [column.alias(f"_{number}") for number, column in enumerate(chosen)]
    if task.source:
        return row_refs(rows)
    if not config.shuffle:
        return rows.select(*numbered, SPLIT)
    # Rows that share a key differ somewhere: the hash of all columns fixes their order.
    order = F.concat(order_of(config.split.by, config.split.seed), F.hex(F.xxhash64(*chosen)))
    if config.oversample is not None:  # or a row and its copies would share every batch
        order = F.when(F.col(COPY) == 0, order).otherwise(F.md5(F.concat(order, F.hex(COPY)).cast("binary")))
    ordered = rows.select(*numbered, SPLIT, order.alias(ORDER))
    return ordered.repartitionByRange(parts, ORDER).sortWithinPartitions(ORDER).drop(ORDER)


def _partitions(spark: SparkSession, rows: int, rows_per_group: int, row_bytes: int, file_mb: float) -> int:
    """Enough partitions for files of `file_mb`, and for every slot of Spark if there is a row group for each."""
    by_size = math.ceil(rows * row_bytes / (file_mb * _MB))
    by_slots = min(spark.sparkContext.defaultParallelism, math.ceil(rows / rows_per_group))
    return max(1, by_size, by_slots)


def _read_conf(table: Version, count: int) -> dict[str, str]:
    """Settings with which Spark reads the table in about `count` tasks. Spark never cuts a row group, so smaller pieces
    would only make tasks without rows."""
    files = [file for file in table.entry.files if file.rows]
    share = sum(file.bytes for file in files) // count
    groups = (file.bytes * max(file.row_groups or [0]) // (file.rows or 1) for file in files)
    return {"spark.sql.files.maxPartitionBytes": str(max(_MB, share, *groups) + _MB)}


@dataclass(frozen=True)
class Part:
    """The files of one split and bucket, in the order of their rows."""

    bucket: int
    files: list[WrittenFile]

    @property
    def rows(self) -> list[int]:
        """Of each file."""
        return [file.rows for file in self.files]


def _parts_of(split: str, features: FeatureSet, results: list[TaskResult]) -> list[Part]:
    """The split's parts, the shortest bucket first; a single one if no feature has buckets."""
    names = [part_of(split, bucket) for bucket in range(max(1, len(features.buckets)))]
    return [Part(bucket, [result.files[name] for result in results if name in result.files])
            for bucket, name in enumerate(names)]


def _move_split(draft: Draft, split: str, parts: list[Part], features: FeatureSet, dataset: str) -> list[DataFile]:
    """Moves a split's files to their final paths, ordered by bucket and partition, and writes Petastorm's metadata."""
    store = draft.table.lake.store
    written = [file for part in parts for file in part.files]
    names = [f"part-{number:05d}.parquet" for number in range(len(written))]
    with ThreadPoolExecutor(_CONCURRENT_MOVES) as pool:
        list(pool.map(lambda pair: store.move(pair[0].path, draft.path(f"{split}/{pair[1]}")),
                      zip(written, names, strict=True)))
    row_groups = {name: len(file.row_groups) for name, file in zip(names, written, strict=True)}
    content = common_metadata(f"{dataset}_{split}".replace("-", "_"), features, row_groups)
    store.write(draft.path(f"{split}/_common_metadata"), content)
    files = [_data_file(f"{split}/{name}", file) for name, file in zip(names, written, strict=True)]
    return [*files, DataFile(path=f"{split}/_common_metadata", bytes=len(content))]


def _data_file(path: str, file: WrittenFile) -> DataFile:
    return DataFile(path=path, bytes=file.bytes, rows=file.rows, row_groups=file.row_groups,
                    crc32=file.crc32)


def _describe(draft: Draft, features: FeatureSet, sizes: Mapping[str, int]) -> DataFile:
    """Writes `dataset.json` next to the splits: it describes the columns to those who have the directory alone."""
    document: dict[str, Any] = {"features": json.loads(features.to_json()), "splits": dict(sizes)}
    content = json.dumps(document, indent=1).encode()
    draft.table.lake.store.write(draft.path("dataset.json"), content)
    return DataFile(path="dataset.json", bytes=len(content))


def _reasons(results: list[TaskResult]) -> dict[str, int]:
    """How many rows each rule rejected."""
    reasons: dict[str, int] = {}
    for result in results:
        for rule, count in result.reasons.items():
            reasons[rule] = reasons.get(rule, 0) + count
    return reasons


def _move_rejected(results: list[TaskResult], quarantine: Draft) -> None:
    """Moves the files of rejected rows into the quarantine."""
    store = quarantine.table.lake.store
    for number, result in enumerate(results):
        if QUARANTINE in result.files:
            store.move(result.files[QUARANTINE].path, quarantine.path(f"part-{number:05d}.parquet"))
