"""Faults of data, each produced for real, where no test of a single room shows what becomes of it on the whole road.

docs/explanation/faults.md lists all faults with the tests that show them.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests import tiny

from laketrain.config.sources import FileSource
from laketrain.errors import DataError, LakeError, LaketrainError
from laketrain.feed.dataset import Dataset
from laketrain.ingest import ingest, plan_ingest
from laketrain.ingest.listing import ListedFile, Listing
from laketrain.ingest.plan import Plan
from laketrain.lake import Lake, Version, verify

from ..small import Small, build_small, write
from ..tables import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def local_path(version: Version, path: str) -> Path:
    """Of a file on this machine's disk."""
    return Path(str(version.lake.store.local(version.path(path))))


def latest(lake: Lake, ref: str) -> Version:
    zone, _, name = ref.partition("/")
    version = lake.table(zone, name).latest()
    assert version is not None
    return version


# A committed file that is not what it was.

@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "fewer rows"])
def test_a_committed_table_that_lost_rows_is_named_and_never_converted_in_silence(
        finished: Small, spark: SparkSession, tmp_path: Path, damage: str) -> None:
    home = finished.at(tmp_path / "lake")
    table = latest(home.lake, "integrated/digits")
    [file, *_] = [file for file in table.entry.files if file.path.endswith(".parquet") and file.rows]
    path = local_path(table, file.path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "gone":
        path.unlink()
    else:
        pq.write_table(pq.read_table(path).slice(1), path)
        path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
    before = home.lake.table("features", "small").latest()
    with pytest.raises(LaketrainError) as caught:
        home.pipeline(spark, "convert.split.seed=9").convert()
    assert file.path in str(caught.value)
    assert home.lake.table("features", "small").latest() == before


def test_a_dataset_whose_file_was_cut_is_named_by_feed_and_verify(tmp_path: Path) -> None:
    dataset = Dataset(tiny.commit_tiny(Lake(tmp_path / "lake")))
    file = dataset.files("train")[1]
    path = tmp_path / "lake" / file.path
    path.write_bytes(path.read_bytes()[:-50])
    with dataset.feed("train", batch=16) as feed, pytest.raises(DataError, match=r"train/part-00001\.parquet"):
        list(feed.batches())
    assert [flaw.path for flaw in verify(dataset.version)] == ["train/part-00001.parquet"]


# Rows that no tensor can hold.

@pytest.mark.slow
@pytest.mark.parametrize(("change", "message"), [
    ({"pixels": "1 2 3"}, "image has 3 values, expected 4 = 2×2×1"),
    ({"pixels": "1 2 3 4 5"}, "image has 5 values, expected 4 = 2×2×1"),
], ids=["too few", "too many"])
def test_a_ragged_row_stops_convert_with_its_feature_and_the_counts(
        spark: SparkSession, tmp_path: Path, change: dict[str, str], message: str) -> None:
    home = build_small(tmp_path)
    write(home.landing / "scans" / "three.csv", [{"id": "n60", "pixels": "9 9 9 9", **change}])
    made = home.pipeline(spark)
    made.ingest()
    made.clean()
    made.integrate()
    with pytest.raises(DataError, match=r"1 of \d+ rows were rejected .* most by: feature\(image\) 1"):
        made.convert()
    [row] = rows_of(home.lake.table("quarantine", "small-features").latest())
    assert row["reason"] == message
    assert home.lake.table("features", "small").latest() is None


NUMBERS = """\
name: numbers
lake: lake
sources:
  rows: {format: csv, path: landing, schema: {id: string, x: double, y: double}, options: {header: true}}
clean:
  rows: {}
convert:
  table: rows
  features:
    x: {kind: number}
    y: {kind: value, columns: [y]}
    id: {kind: key}
  split: {by: id, fractions: {train: 0.7, test: 0.3}}
"""


@pytest.mark.slow
def test_targets_that_are_no_number_stop_convert_with_their_feature_and_the_counts(
        spark: SparkSession, tmp_path: Path) -> None:
    from laketrain.pipeline import Pipeline

    targets = {3: "NaN", 4: "", 5: "Infinity"}
    write(tmp_path / "landing" / "rows.csv",
          [{"id": f"n{number}", "x": str(number), "y": targets.get(number, "1.5")} for number in range(40)])
    (tmp_path / "numbers.yaml").write_text(NUMBERS, "utf-8")
    made = Pipeline(tmp_path / "numbers.yaml", spark=spark)
    made.ingest()
    made.clean()
    with pytest.raises(DataError) as caught:
        made.convert()
    assert "3 of 40 rows were rejected (7.5%), allowed is 0.0%; most by: feature(y) 3" in str(caught.value)
    reasons = [row["reason"] for row in rows_of(made.lake.table("quarantine", "numbers-features").latest())]
    assert len(reasons) == 3
    assert all(reason.startswith("y ") for reason in reasons)


# Fewer row groups than ranks.

@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_one_row_group_feeds_many_ranks_each_row_once(tmp_path: Path, ranks: int) -> None:
    dataset = Dataset(tiny.commit_tiny(Lake(tmp_path / "lake"), files=1, rows_per_group=1000))
    assert [file.row_groups for file in dataset.files("train")] == [[tiny.SPLITS["train"]]]
    seen: list[bytes] = []
    steps = set()
    for rank in range(ranks):
        with dataset.feed("train", batch=16, seed=3) as feed:
            mine = list(feed.batches(rank=rank, ranks=ranks))
        steps.add(len(mine))
        for inputs, _, weights, _ in mine:
            images, counted = np.asarray(inputs["image"] if isinstance(inputs, dict) else inputs), np.asarray(weights)
            seen += [image.tobytes() for image, weight in zip(images, counted, strict=True) if weight]
    assert len(steps) == 1
    stored, _ = tiny.rows_of(dataset.version, "train")
    assert sorted(seen) == sorted(image.tobytes() for image in stored)


# No room left on the lake's disk.

@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, where this process may mount one."""
    mounted = tmp_path / "small disk"
    mounted.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mounted)], capture_output=True,
                          check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


def _source(folder: Path) -> FileSource:
    return FileSource.model_validate({"format": "text", "path": str(folder)})


def _used(disk: Path) -> int:
    return sum(path.stat().st_size for path in disk.rglob("*") if path.is_file())


def test_a_disk_that_fills_up_in_ingest_costs_no_version_and_is_given_back(small_disk: Path, tmp_path: Path) -> None:
    lake, landing = Lake(str(small_disk / "lake")), tmp_path / "landing"
    landing.mkdir()
    (landing / "a.txt").write_text("first\n")
    first = ingest(lake, "notes", *plan_ingest("notes", _source(landing)))
    used = _used(small_disk)
    for name in "bcd":
        (landing / f"{name}.txt").write_bytes(b"x" * (2 << 20))
    with pytest.raises(LakeError, match="the disk is full.*[Ff]ree some space"):
        ingest(lake, "notes", *plan_ingest("notes", _source(landing)))
    assert lake.table("raw", "notes").latest() == first
    assert verify(first) == []
    assert _used(small_disk) == used
    for name in "cd":
        (landing / f"{name}.txt").unlink()
    assert ingest(lake, "notes", *plan_ingest("notes", _source(landing))).number == 2


@pytest.mark.slow
def test_a_disk_that_fills_up_in_a_task_of_spark_is_named_and_what_was_committed_stays(
        small_disk: Path, spark: SparkSession, tmp_path: Path) -> None:
    home = build_small(tmp_path)
    home = Small(home.config, Lake(str(small_disk / "lake")))
    home.pipeline(spark).run(last="integrate")
    there = {ref: latest(home.lake, ref) for ref in ("clean/scans", "clean/labels", "integrated/digits")}
    (small_disk / "somebody else's").write_bytes(bytes(shutil.disk_usage(small_disk).free - (32 << 10)))
    with pytest.raises(LaketrainError, match="disk is full|No space left on device"):
        home.pipeline(spark, "convert.features.id.kind=key", "convert.row_group_mb=0.0001").run(first="convert")
    assert home.lake.table("features", "small").latest() is None
    assert {ref: latest(home.lake, ref) for ref in there} == there
    assert [flaw for version in there.values() for flaw in verify(version)] == []
    (small_disk / "somebody else's").unlink()
    result = home.pipeline(spark).run(first="convert")
    assert result.outcomes[-1].version.ref == "features/small@1"


# What somebody made to do harm.

class _Touches:
    """Pickled, it runs `touch` where it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch '{self.mark}'",)


def test_a_hostile_metadata_file_in_our_own_dataset_is_never_opened(tmp_path: Path) -> None:
    dataset = Dataset(tiny.commit_tiny(Lake(tmp_path / "lake")))
    folder = local_path(dataset.version, "train/part-00000.parquet").parent
    stored = pq.read_schema(folder / "part-00000.parquet")
    hostile = stored.with_metadata({b"dataset-toolkit.unischema.v1": pickle.dumps(_Touches(tmp_path / "mark"))})
    pq.write_metadata(hostile, folder / "_common_metadata")
    with dataset.feed("train", batch=16) as feed:
        assert sum(int(real) for *_, real in feed.batches()) == tiny.SPLITS["train"]
    dataset.sample("train", 4)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["../evil.txt", "a/../../evil.txt", "/evil.txt", "a/./b.txt"])
def test_a_source_of_files_with_dots_for_names_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    """Local disks have no such names; a store of objects may."""
    (tmp_path / "here.txt").write_text("x")
    file = ListedFile(f"file://{tmp_path}/here.txt", name, 1, "")
    lake = Lake(str(tmp_path / "lake"))
    with pytest.raises(LakeError):
        ingest(lake, "notes", Plan(Listing(f"file://{tmp_path}/", (file,), 0), (file,)), "key")
    assert lake.table("raw", "notes").latest() is None
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("line", ["name: ../small", "  scans/../x: {format: csv, path: landing/a.csv}"])
def test_a_name_that_leaves_its_table_is_refused_by_the_config(tmp_path: Path, line: str) -> None:
    from laketrain.errors import ConfigError
    from laketrain.workload import Workload

    home = build_small(tmp_path)
    text = home.config.read_text("utf-8")
    changed = text.replace("name: small", line) if line.startswith("name") else text.replace(
        "sources:\n", f"sources:\n{line}\n")
    home.config.write_text(changed, "utf-8")
    with pytest.raises(ConfigError, match=r"\.\."):
        Workload.load(home.config)
