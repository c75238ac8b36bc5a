"""Convert: every row of the table is in one split or in quarantine, in an order that depends only on the keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.convert import split_rows as split_rows_module
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.workload import Convert

from ..tables import commit_table, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = "name string, pixels array<int>, digit int"
FEATURES = {"image": {"kind": "image", "column": "pixels", "shape": [4, 4, 1]},
            "label": {"kind": "label", "column": "digit", "classes": 3}, "name": {"kind": "key"}}
SPLIT = {"by": "name", "fractions": {"train": 0.6, "val": 0.2, "test": 0.2}}
# Five rows of 4×4 pixels, a label and a key.
FIVE_ROWS_MB = 5 * (16 + 8 + 8) / 2**20
Rows = list[dict[str, Any]]
Run = Callable[..., Version]


def rows(count: int = 83, first: int = 0) -> Rows:
    """Row n has its number in its first two pixels, and n % 3 as its label."""
    random = np.random.default_rng(3)
    return [{"name": f"n{number}", "pixels": [number % 256, number // 256, *random.integers(0, 256, 14).tolist()],
             "digit": number % 3} for number in range(first, first + count)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "a lake"))


@pytest.fixture
def convert(spark: SparkSession, lake: Lake) -> Run:
    """Commits the rows as `integrated/digits` and converts them to `features/small`."""
    from laketrain.convert import convert as run
    from laketrain.convert import fingerprint_convert

    def go(rows: Sequence[Mapping[str, Any]], *, columns: str = COLUMNS, files: int = 1,
           features: Mapping[str, Any] = FEATURES, **config: Any) -> Version:
        table = commit_table(lake, "digits", rows, columns, zone="integrated", files=files)
        settings = Convert.model_validate({"table": "digits", "features": features, "split": SPLIT,
                                           "row_group_mb": FIVE_ROWS_MB, **config})
        return run(spark, table, "small", settings, fingerprint_convert(table, settings))

    return go


def in_order(version: Version) -> dict[str, list[str]]:
    """The names of each split's rows in the order in which they are fed."""
    dataset = Dataset(version)
    result = {}
    for split, count in dataset.splits.items():
        with dataset.reader(split, ["name"]) as reader:
            result[split] = reader.read(np.arange(count))["name"].tolist()
    return result


def test_every_row_is_in_one_split_and_the_entry_describes_the_files(convert: Run):
    version = convert(rows())
    entry, store = version.entry, version.lake.store
    splits = in_order(version)
    assert sorted(name for names in splits.values() for name in names) == sorted(row["name"] for row in rows())
    assert entry.counts == {"in": 83, "out": 83, "quarantined": 0, "reasons": {},
                            "splits": {split: len(names) for split, names in splits.items()}}
    assert entry.parents == {"integrated/digits": 1}
    assert entry.meta["rows_per_group"] == 5
    for file in entry.files:
        if file.path.endswith(".parquet"):
            footer = pq.ParquetFile(store.local(version.path(file.path))).metadata
            groups = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
            assert (groups, sum(groups)) == (file.row_groups, file.rows)
            assert set(groups[:-1]) <= {5}
    document = json.loads(store.read(version.path("dataset.json")))
    assert document == {"features": entry.meta["features"], "splits": entry.counts["splits"]}


def test_the_order_of_rows_depends_on_their_keys_and_not_on_the_partitioning(convert: Run, spark: SparkSession):
    table = rows()
    once = in_order(convert(table))
    assert in_order(convert(table, files=5)) == once
    assert in_order(convert(table[::-1], files=3, file_mb=FIVE_ROWS_MB * 3, row_group_mb=1.0)) == once
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert in_order(convert(table, files=2)) == once
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    assert once["train"] != sorted(once["train"], key=lambda name: int(name[1:]))


def test_large_tables_are_written_in_files_of_the_configured_size(convert: Run):
    version = convert(rows(), file_mb=FIVE_ROWS_MB * 3)
    assert len([file for file in version.files("train") if file.path.endswith(".parquet")]) == 6
    assert sum(Dataset(version).splits.values()) == 83


def test_without_shuffle_all_rows_are_in_the_dataset_too(convert: Run):
    version = convert(rows(), files=2, shuffle=False)
    shuffled = convert(rows(), files=2)
    assert {split: sorted(names) for split, names in in_order(version).items()} == {
        split: sorted(names) for split, names in in_order(shuffled).items()}


def test_rows_of_one_key_stay_together(convert: Run):
    table = [{**row, "name": f"group {number // 4}"} for number, row in enumerate(rows())]
    splits = in_order(convert(table))
    assert sum(len(set(names)) for names in splits.values()) == len({row["name"] for row in table})
    assert in_order(convert(table[::-1], files=3)) == splits


def test_statistics_equal_numpys_over_the_train_split(convert: Run):
    dataset = Dataset(convert(rows(), files=2))
    with dataset.reader("train") as reader:
        train = reader.read(np.arange(dataset.splits["train"]))
    pixels, statistics = train["image"] / 255, dataset.features["image"].statistics
    assert statistics.mean == pytest.approx(pixels.mean(), abs=1e-12)
    assert statistics.std == pytest.approx(pixels.std(), abs=1e-12)
    assert dataset.features["label"].statistics.rows == tuple(np.bincount(train["label"], minlength=3))
    everything = np.concatenate([np.array(row["pixels"]) for row in rows()]) / 255
    assert statistics.mean != pytest.approx(everything.mean(), abs=1e-6)


def test_bad_rows_are_quarantined_and_the_others_kept(convert: Run, lake: Lake):
    table = rows()
    table[3]["pixels"] = [1] * 15
    table[4]["pixels"][7] = 256
    table[5]["digit"] = 3
    table[6]["digit"] = None
    table[7]["name"] = None
    version = convert(table, max_reject_fraction=0.1, files=2)
    assert version.entry.counts["reasons"] == {"feature(image)": 2, "feature(label)": 2, "feature(name)": 1}
    assert (version.entry.counts["out"], version.entry.counts["quarantined"]) == (78, 5)
    refused = rows_of(lake.table("quarantine", "small-features").latest())
    assert sorted(row["reason"] for row in refused) == [
        "image has 15 values, expected 16 = 4×4×1", "image has a value outside 0..255",
        "label is class 3, expected 0..2", "label is null", "name is null"]
    assert json.loads(next(row["record"] for row in refused if "class 3" in row["reason"])) == table[5]
    assert {name for names in in_order(version).values() for name in names}.isdisjoint({"n3", "n4", "n5", "n6"})


def test_too_many_bad_rows_fail_and_their_quarantine_is_kept(convert: Run, lake: Lake):
    table = [{**row, "digit": 7} if number < 10 else row for number, row in enumerate(rows())]
    with pytest.raises(DataError) as caught:
        convert(table, max_reject_fraction=0.1)
    assert caught.value.problem == (
        "10 of 83 rows were rejected (12.0%), allowed is 10.0%; most by: feature(label) 10")
    assert "quarantine/small-features@1" in caught.value.hint
    assert len(rows_of(lake.table("quarantine", "small-features").latest())) == 10
    assert lake.table("features", "small").latest() is None
    assert lake.store.dirs("features/small/data") == []


def test_a_column_of_another_type_is_refused_with_the_feature_before_a_task_runs(convert: Run, spark: SparkSession):
    table = [{**row, "digit": str(row["digit"])} for row in rows()]
    spark.sparkContext.setJobGroup("a column of another type", "")
    with pytest.raises(DataError) as caught:
        convert(table, columns=COLUMNS.replace("digit int", "digit string"))
    assert str(caught.value) == (
        "[convert] label feature of column 'digit': got a column of string, expected whole numbers (for strings, list "
        "them as `names`). Next: cast the column in the clean stage, or name another column")
    assert list(spark.sparkContext.statusTracker().getJobIdsForGroup("a column of another type")) == []


def test_an_interval_is_refused_with_its_type_before_a_task_runs(spark: SparkSession):
    from laketrain.convert.column_types import refuse_types

    features = FeatureSet.model_validate({"x": {"kind": "vector", "columns": ["span"]}})
    months, hours = (spark.sql(f"select interval '1' {unit} as span") for unit in ("month", "hour"))
    with pytest.raises(DataError, match="'span': is of the type interval month, which no feature holds.*cast it"):
        refuse_types(months, features)
    with pytest.raises(DataError, match=r"column 'span': got a column of duration\[us\]"):
        refuse_types(hours, features)


@pytest.mark.parametrize(("count", "fractions", "message"), [
    (83, {"train": 0.999, "val": 0.001}, "got 0 rows in val (all: {'train': 83, 'val': 0})"),
    (83, {"train": 0.9, "val": 0.0999, "test": 0.0001}, "got 0 rows in test"),
])
def test_an_empty_split_is_refused(convert: Run, count: int, fractions: dict[str, float], message: str):
    with pytest.raises(DataError) as caught:
        convert(rows(count), split={**SPLIT, "fractions": fractions})
    assert message in caught.value.problem


def test_few_values_of_the_split_column_are_reported_as_the_cause_of_an_empty_split(convert: Run):
    """Four kinds for two splits: these seeds give one split no kind, or a single one."""
    table = [{**row, "kind": f"kind {number % 4}"} for number, row in enumerate(rows())]
    split = {"by": "kind", "fractions": {"train": 0.9, "val": 0.1}}
    in_train = {seed: [int(hashlib.md5(f"{seed}:split:kind {kind}".encode()).hexdigest()[:8], 16) / 2**32 < 0.9
                       for kind in range(4)] for seed in range(99)}
    empty, narrow, wide = (next(seed for seed, own in in_train.items() if sum(own) == count) for count in (4, 3, 2))

    def converted(seed: int) -> Version:
        return convert(table, columns=f"{COLUMNS}, kind string", split={**split, "seed": seed})

    with pytest.raises(DataError) as caught:
        converted(empty)
    assert caught.value.problem == ("got 0 rows in val (all: {'train': 83, 'val': 0}): 'kind' has 4 different values, "
                                    "and rows of one value stay together")
    assert "split by a column with more values" in caught.value.hint
    rows_of_val = 21 if in_train[narrow].index(False) < 3 else 20
    assert converted(narrow).entry.meta["narrow"] == [
        f"all {rows_of_val} rows of val share one value of 'kind', by which 'convert.split' draws"]
    assert converted(wide).entry.meta["narrow"] == []


def test_a_single_class_is_refused(convert: Run, lake: Lake):
    with pytest.raises(DataError, match="the train split has 1 of 3 classes"):
        convert([{**row, "digit": 1} for row in rows()])
    assert lake.table("features", "small").latest() is None


def test_a_table_without_rows_is_refused(convert: Run):
    with pytest.raises(DataError, match="got 0 rows in train, val, test"):
        convert([])


def test_a_table_of_bad_rows_alone_is_refused(convert: Run):
    with pytest.raises(DataError, match="got 0 rows in train, val, test"):
        convert([{**row, "digit": 7} for row in rows(5)], max_reject_fraction=1.0)


def test_leftovers_of_a_killed_attempt_are_not_read(convert: Run, monkeypatch: pytest.MonkeyPatch):
    """Spark may run a task twice, or kill one that has written everything: here the first attempt of each is lost."""
    from laketrain.convert import stage
    from laketrain.convert.writer import write_partition

    def lost_and_retried(task: Any, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        kept = list(batches)
        list(write_partition(task, iter(kept)))
        yield from write_partition(task, iter(kept))

    once = in_order(convert(rows()))
    monkeypatch.setattr(stage, "write_partition", lost_and_retried)
    version = convert(rows(), files=2)
    assert in_order(version) == once
    files = {Path(file.path).relative_to(version.path()).as_posix()
             for file in version.lake.store.list(version.path(), recursive=True)}
    assert files == {file.path for file in version.entry.files}
    assert not any("_attempts" in path for path in files)


def test_a_task_that_fails_leaves_no_dataset_and_reports_the_cause(
        convert: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch):
    from laketrain.convert import stage
    from laketrain.convert.writer import write_partition

    def fails(task: Any, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        list(write_partition(task, batches))
        raise OSError("No space left on device")

    monkeypatch.setattr(stage, "write_partition", fails)
    with pytest.raises(DataError, match="OSError: No space left on device"):
        convert(rows())
    assert lake.table("features", "small").latest() is None
    assert lake.store.dirs("features/small/data") == []


def test_columns_may_have_odd_names_and_serve_two_features(convert: Run):
    table = [{"the name": row["name"], "a.b`c": row["pixels"], "digit": row["digit"]} for row in rows()]
    features = {"image": {"kind": "image", "column": "a.b`c", "shape": [4, 4, 1]},
                "again": {"kind": "image", "column": "a.b`c", "shape": [2, 8, 1], "role": "input"},
                "label": FEATURES["label"], "name": {"kind": "key", "column": "the name"}}
    version = convert(table, columns="`the name` string, `a.b``c` array<int>, digit int", features=features,
                      split={**SPLIT, "by": "the name"})
    sample = Dataset(version).sample("train", 8)
    assert (sample["image"].reshape(8, -1) == sample["again"].reshape(8, -1)).all()


@pytest.mark.parametrize(("change", "same"), [
    ({}, True), ({"dataset": "other"}, True), ({"split": {**SPLIT, "seed": 1}}, False), ({"row_group_mb": 2.0}, False),
    ({"shuffle": False}, False), ({"features": {**FEATURES, "more": {"kind": "key", "column": "name"}}}, False),
    ({"features": dict(reversed(FEATURES.items()))}, True)])
def test_the_fingerprint_follows_what_shapes_the_dataset(lake: Lake, spark: object, change: dict[str, Any], same: bool):
    from laketrain.convert import fingerprint_convert

    table = lake.table("integrated", "digits").latest() or commit_table(lake, "digits", rows(9), COLUMNS,
                                                                        zone="integrated")
    key = partial(_fingerprint, fingerprint_convert, table)
    assert (key(change) == key({})) is same


def _fingerprint(function: Callable[..., str], table: Version, change: dict[str, Any]) -> str:
    config = Convert.model_validate({"table": "digits", "features": FEATURES, "split": SPLIT, **change})
    return function(table, config)


@pytest.mark.slow
@pytest.mark.parametrize("files", [1, 3])
def test_rows_that_keep_their_order_are_the_same_read_directly_or_by_spark(
        convert: Run, lake: Lake, monkeypatch: pytest.MonkeyPatch, files: int):
    """Read directly from the table's files, and by Spark; a refused row has the same record."""
    table = [*rows(), {"name": "short", "pixels": [1], "digit": 1}]

    def made() -> tuple[Any, ...]:
        version = convert(table, files=files, shuffle=False, max_reject_fraction=0.1)
        return (in_order(version), version.entry.meta["features"], version.entry.counts,
                [file.crc32 for file in version.entry.files],
                rows_of(lake.table("quarantine", "small-features").latest()))

    direct = made()
    monkeypatch.setattr(split_rows_module, "supports_direct_read", lambda *arguments: False)
    through_spark = made()
    assert direct[0] == through_spark[0]
    assert direct[1:4] == through_spark[1:4]
    [by_reader], [by_spark] = direct[4], through_spark[4]
    assert {**by_reader, "file": ""} == {**by_spark, "file": ""}


# ---- windows, and rows more than once


def hourly(counts: Mapping[str, int], missing: Sequence[int] = ()) -> Rows:
    """Rows of stations: hour n has n in `load` and, plus a thousand, in `heat`."""
    start = datetime.fromisoformat("2020-01-01")
    return [{"station": station, "at": start + timedelta(hours=hour), "load": float(hour), "heat": 1000.0 + hour,
             "state": "on" if hour % 5 else "off"}
            for station, count in counts.items() for hour in range(count) if hour not in missing]


SERIES = "station string, at timestamp_ntz, load double, heat double, state string"
WINDOWED = {"past": {"kind": "sequence", "columns": ["past.load", "past.heat"], "shape": [6, 2], "scale": "none"},
            "ahead": {"kind": "value", "column": "next.load", "size": 2}, "at": {"kind": "key"},
            "station": {"kind": "key"}}
BY_TIME = {"by_time": {"column": "at", "until": {"train": "2020-01-03", "val": "2020-01-04"}}}


@pytest.mark.slow
@pytest.mark.parametrize("files", [1, 3])
def test_windows_are_rows_of_the_dataset(convert: Run, files: int):
    table = hourly({"a": 96, "b": 80}, missing=[10, 30])
    version = convert(table, columns=SERIES, features=WINDOWED, split=BY_TIME, files=files, row_group_mb=0.002,
                      windows={"by": ["station"], "order": "at", "max_gap": "1 hour", "lookback": 6, "horizon": 2})
    result = []
    for split in ("train", "val", "test"):
        dataset = Dataset(version)
        with dataset.reader(split, ["station", "past", "ahead"]) as reader:
            arrays = reader.read(np.arange(dataset.splits[split]))
        result += [(split, station, past.tolist(), ahead.tolist()) for station, past, ahead in zip(
            arrays["station"], arrays["past"], arrays["ahead"], strict=True)]
    hours = [(station, first) for station, count in (("a", 96), ("b", 80)) for first in range(count - 7)]
    whole = [(station, first) for station, first in hours
             if not {10, 30} & set(range(first, first + 8)) and (first // 24 >= 2) == ((first + 7) // 24 >= 2)
             and (first // 24 >= 3) == ((first + 7) // 24 >= 3)]
    expected = [("train" if first < 48 else "val" if first < 72 else "test", station,
                 [[float(hour), 1000.0 + hour] for hour in range(first, first + 6)], [first + 6.0, first + 7.0])
                for station, first in whole]
    assert sorted(result) == sorted(expected)
    counts = version.entry.counts
    assert (counts["in"], counts["out"], counts["quarantined"]) == (len(expected), len(expected), 0)
    assert counts["windows"]["rows"] == len(table)
    assert version.entry.meta["windows"]["lookback"] == 6


@pytest.mark.slow
def test_rows_that_no_window_may_contain_are_quarantined_and_counted(convert: Run, lake: Lake):
    table = hourly({"a": 96})
    table = [{**row, "seen": row["at"] + timedelta(hours=5.5 if row["load"] == 40 else 0)} for row in table]
    table += [{**table[0], "at": None}, dict(table[20])]
    version = convert(table, columns=f"{SERIES}, seen timestamp_ntz", features=WINDOWED, split=BY_TIME,
                      max_reject_fraction=0.2,
                      windows={"order": "at", "lookback": 6, "horizon": 2, "known_by": "seen"})
    refused = rows_of(lake.table("quarantine", "small-features").latest())
    assert sorted((row["rule"], row["reason"], json.loads(row["record"])["past.load"]) for row in refused) == [
        ("split", "has a 'at' in no split's span, or none", [0.0]),
        *[("windows", "a row of its past became known, by 'seen', after the 'at' of the last, or never",
           [float(hour) for hour in range(first, first + 6)]) for first in range(35, 41)],
        *[("windows", "has the same 'at' as another row", [20.0])] * 2]
    counts = version.entry.counts
    assert counts["in"] == counts["out"] + counts["quarantined"] == counts["windows"]["made"] + 3
    assert counts["reasons"] == {"split": 1, "windows": 8}


@pytest.mark.slow
def test_rare_classes_are_in_train_as_often_as_the_most_frequent(convert: Run):
    table = [{**row, "digit": min(number % 10, 2)} for number, row in enumerate(rows(200))]
    version = convert(table, oversample={"column": "digit"})
    plain = convert(table)
    once, more = in_order(plain), in_order(version)
    assert {split: sorted(names) for split, names in more.items() if split != "train"} == {
        split: sorted(names) for split, names in once.items() if split != "train"}
    assert set(more["train"]) == set(once["train"])
    learnt = version.entry.meta["features"]["label"]["statistics"]["rows"]
    assert learnt[2] == plain.entry.meta["features"]["label"]["statistics"]["rows"][2]
    assert min(learnt) > 0.8 * learnt[2]
    counts = version.entry.counts
    assert counts["in"] == counts["out"] == 200 + sum(counts["repeated"].values())
    # A row and its copies aren't neighbours, else they would share every batch.
    neighbours = sum(name == other for name, other in pairwise(more["train"]))
    assert neighbours < 0.1 * len(more["train"])


@pytest.mark.parametrize(("name", "message"), [
    ("past.x", "could be two things: the table's column 'past.x', and the values of 'x' in a window"),
    ("_split", "names '_split', a column that convert makes itself")])
def test_a_column_of_the_data_that_would_be_hidden_is_refused(convert: Run, name: str, message: str):
    table = [{"at": number, "x": float(number), name: -1.0} for number in range(20)]
    features = {"past": {"kind": "sequence", "column": "past.x", "shape": [4, 1]},
                "now": {"kind": "value", "column": name if name == "_split" else "x", "size": 1}}
    with pytest.raises(DataError) as caught:
        convert(table, columns=f"at int, x double, `{name}` double", features=features,
                split={"by": "at", "fractions": {"train": 1.0}}, windows={"order": "at", "lookback": 4})
    assert message in str(caught.value)
