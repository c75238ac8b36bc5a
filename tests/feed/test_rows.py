from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laketrain.errors import DataError
from laketrain.feed import rows as rows_module
from laketrain.feed.prefetch import Prefetcher
from laketrain.feed.rows import RowReader, reading_threads

from .splits import FEATURES, File, Split, images, numbers

CUTS = [[3, 1, 5], [7], [], [2, 0, 2]]


@pytest.mark.parametrize("recorded", [True, False])
def test_rows_come_in_the_requested_order_from_any_file(write, recorded: bool) -> None:
    rows = np.array([19, 0, 9, 9, 3, 15, 8, 16, 4])
    with write(CUTS, recorded).reader("image", "label", "id") as reader:
        assert reader.rows == 20
        result = reader.read(rows)
    np.testing.assert_array_equal(result["image"], images(rows))
    assert result["image"].dtype == np.uint8
    assert result["label"].tolist() == rows.tolist()
    assert result["id"].tolist() == [f"row {row}" for row in rows]


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_any_rows_of_any_files_are_read(write, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=4))
    rows = np.array(data.draw(st.lists(st.integers(0, sum(map(sum, cuts)) - 1), max_size=20)), np.int64)
    with write(cuts).reader("image") as reader:
        np.testing.assert_array_equal(numbers(reader.read(rows)["image"]), rows)


def test_each_row_group_is_read_once_with_the_requested_columns_only(write, monkeypatch) -> None:
    seen = []
    original = rows_module.pq.ParquetFile.read_row_group

    def noted(file, group, columns, use_threads):
        seen.append((group, columns))
        return original(file, group, columns=columns, use_threads=use_threads)

    monkeypatch.setattr(rows_module.pq.ParquetFile, "read_row_group", noted)
    with write([[4, 4, 4]]).reader("label") as reader:
        reader.read(np.array([9, 0, 11, 2, 8, 1]))
    assert sorted(seen) == [(0, ["label"]), (2, ["label"])]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_open_files_is_limited(write, monkeypatch, threads: int) -> None:
    monkeypatch.setattr(rows_module, "OPEN_FILES", 2)
    with write([[2]] * 6).reader("label", threads=threads) as reader:
        for _ in range(2):
            assert reader.read(np.arange(12))["label"].tolist() == list(range(12))
            assert [len(files) for files in reader._open] == [2 // threads] * threads
    assert not any(reader._open)
    assert reader.read(np.array([11]))["label"].tolist() == [11], "a closed reader opens again"


def test_closing_a_stuck_reader_does_not_wait_for_the_storage(write, monkeypatch) -> None:
    asked, answers = threading.Event(), threading.Event()

    def silent(file, group, columns, use_threads):
        asked.set()
        answers.wait(60)
        raise OSError("the storage is gone")

    monkeypatch.setattr(rows_module, "_CLOSE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(rows_module.pq.ParquetFile, "read_row_group", silent)
    reader = write([[4]]).reader("label")
    read = (reader.read(np.array([row])) for row in range(4))
    with (pytest.raises(DataError, match=r"row group 0 of file 'data/part-0\.parquet': has given nothing"), reader,
          Prefetcher(read, 1, "test", patience_s=1, describe=lambda: reader.current_read) as items):
        next(items)
    assert asked.is_set() and not answers.is_set()
    answers.set()


def test_the_least_recently_used_file_is_closed_first(write, monkeypatch) -> None:
    monkeypatch.setattr(rows_module, "OPEN_FILES", 2)
    with write([[1]] * 3).reader("label", threads=1) as reader:
        for row in (0, 1, 0, 2):
            reader.read(np.array([row]))
        assert list(reader._open[0]) == [0, 2]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_several_threads_read_what_one_reads(write, threads: int) -> None:
    rows = np.random.default_rng(0).permutation(20)
    with write(CUTS).reader(threads=threads) as reader:
        assert numbers(reader.read(rows)["image"]).tolist() == rows.tolist()
        assert reader.current_read == "the data"


def test_an_error_in_one_of_the_threads_is_raised(write) -> None:
    split = write([[5], [5], [5], [5]])
    path = split.root / "data" / "part-3.parquet"
    path.write_bytes(path.read_bytes()[:40] + bytes(40) + path.read_bytes()[80:])
    with split.reader(threads=4) as reader, pytest.raises(DataError, match=r"part-3\.parquet"):
        reader.read(np.arange(20))


@pytest.mark.parametrize(("cores", "expected"), [("1", 1), ("3", 3), ("64", 4)])
def test_a_rank_reads_with_its_share_of_the_cores(monkeypatch, cores: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    assert reading_threads() == expected


@pytest.mark.parametrize("row", [-1, 20])
def test_a_row_out_of_range_raises(write, row: int) -> None:
    with write(CUTS).reader() as reader, pytest.raises(IndexError, match="of 20"):
        reader.read(np.array([row]))


def broken(split: Split, change) -> RowReader:
    path = split.root / "data" / "part-1.parquet"
    path.write_bytes(change(path.read_bytes()))
    return split.reader()


@pytest.mark.parametrize("change", [
    lambda data: data[:-20], lambda data: data[:100], lambda data: b"",
    lambda data: data[:4] + bytes(len(data) // 4) + data[4 + len(data) // 4:],
], ids=["cut", "cut short", "emptied", "overwritten"])
def test_an_error_names_a_damaged_file(write, change) -> None:
    reader = broken(write([[5], [200, 200], [5]]), change)
    with pytest.raises(DataError, match="file 'data/part-1.parquet'"):
        reader.read(np.arange(410))
    assert numbers(reader.read(np.array([409]))["image"]).tolist() == [409], "the others can still be read"


def test_an_error_names_a_missing_file(write) -> None:
    split = write(CUTS)
    (split.root / "data" / "part-1.parquet").unlink()
    with pytest.raises(DataError, match=r"part-1.parquet.*can't be opened"):
        split.reader().read(np.arange(20))


@pytest.mark.parametrize(("recorded", "message"), [
    (File("data/part-1.parquet", 8, None), "holds 7 rows, 8 were recorded"),
    (File("data/part-1.parquet", 8, [8]), "holds 7 rows, 8 were recorded"),
    (File("data/part-1.parquet", 7, [3, 4]), "holds 1 row groups, other than the 2 recorded"),
])
def test_an_error_names_a_file_with_other_rows_than_recorded(write, recorded: File, message: str) -> None:
    split = write(CUTS)
    changed = replace(split, files=[split.files[0], recorded, *split.files[2:]])
    with pytest.raises(DataError, match=message):
        changed.reader().read(np.arange(20))


def test_an_error_of_another_shape_names_the_file_and_the_feature(write) -> None:
    other = FEATURES.model_validate({"image": {"kind": "image", "shape": [2, 3, 1]}})
    with pytest.raises(DataError, match=r"part-0.parquet': feature 'image'.*got uint8 \(3, 2, 1\)"):
        replace(write(CUTS), features=other).reader("image").read(np.array([0]))


def test_arrays_are_aligned_for_tensorflow(write) -> None:
    with write(CUTS).reader() as reader:
        assert all(array.ctypes.data % 64 == 0 for array in reader.read(np.arange(20)).values())
