"""Files are grouped into tasks of about equal size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.file_tasks import OPEN_COST, TASK_BYTES, split_by_size


@given(st.lists(st.integers(0, 2 * TASK_BYTES), max_size=60))
def test_parts_contain_every_file_once_and_about_the_same_number_of_bytes(sizes: list[int]):
    parts = split_by_size(sizes)
    assert [index for start, stop in parts for index in range(start, stop)] == list(range(len(sizes)))
    for number, (start, stop) in enumerate(parts):
        load = sum(sizes[start:stop]) + OPEN_COST * (stop - start)
        assert load < TASK_BYTES + max(sizes[start:stop]) + OPEN_COST
        assert load >= TASK_BYTES or number == len(parts) - 1


def test_twenty_thousand_tiny_files_are_ten_tasks():
    assert len(split_by_size([1500] * 20_000)) == 11
