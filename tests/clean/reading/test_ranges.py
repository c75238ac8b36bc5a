"""Text files are read in byte ranges, and tasks have about the same number of bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.ranges import RANGE, Range, Text, in_tasks, numbers_of, ranges_of


def text(size: int, whole: bool = False) -> Text:
    return Text("a.csv", "raw/a@1/a.csv", size, whole)


@given(st.integers(0, 5 * RANGE))
def test_ranges_cover_a_file_once(size: int) -> None:
    ranges = ranges_of(text(size))
    assert sum(part.stop - part.start for part in ranges) == size
    assert all(before.stop == after.start for before, after in pairwise(ranges))
    assert all(0 < part.stop - part.start <= RANGE for part in ranges)


def test_a_compressed_file_is_one_range() -> None:
    assert ranges_of(text(9 * RANGE, whole=True)) == [Range("a.csv", "raw/a@1/a.csv", 0, 9 * RANGE, True)]


def test_ranges_are_numbered_over_all_files() -> None:
    assert numbers_of([text(2 * RANGE), text(1), text(RANGE + 1)]) == [range(2), range(2, 3), range(3, 5)]


@given(st.lists(st.integers(1, RANGE), min_size=1, max_size=30), st.integers(1, 8))
def test_each_range_is_in_one_task(sizes: list[int], cores: int) -> None:
    ranges = [Range("a", "a", 0, size, False) for size in sizes]
    tasks = in_tasks(ranges, cores)
    assert [number for task in tasks for number, _ in task] == list(range(len(sizes)))
    assert len(tasks) <= max(cores, 1) + sum(sizes) // (256 << 20) + 1
