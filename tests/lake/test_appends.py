"""Versions that add to earlier ones, and must follow them."""

from __future__ import annotations

import pytest

from laketrain.errors import CommitConflict
from laketrain.lake import Lake, Version, appends
from laketrain.lake.appends import APPENDS_TO, appended_to, ranges_up_to

from .writers import add, parquet


def make(lake: Lake, meta: dict[str, object] | None = None, after: int | None = None) -> Version:
    with lake.table("raw", "a").stage() as draft:
        add(draft, "part.parquet", parquet(1))
        return draft.commit(meta=meta, after=after)


def test_an_entry_is_small_after_any_number_of_appends(local_lake: Lake) -> None:
    last = make(local_lake)
    for _ in range(9):
        last = make(local_lake, {APPENDS_TO: ranges_up_to(last)})
    assert last.entry.meta[APPENDS_TO] == [[1, 9]]
    assert [version.number for version in appends(last)] == list(range(1, 11))


@pytest.mark.parametrize(("before", "after"), [
    ([], [5]), ([4], [[4, 5]]), ([2], [2, 5]), ([[1, 4]], [[1, 5]]), ([[1, 2], 4], [[1, 2], [4, 5]]),
    ([1, 2, 3, 4], [1, 2, 3, [4, 5]]),
])
def test_consecutive_versions_become_a_range(local_lake: Lake, before: list[object], after: list[object]) -> None:
    for _ in range(4):
        make(local_lake)
    fifth = make(local_lake, {APPENDS_TO: before})
    assert ranges_up_to(fifth) == after
    sixth = make(local_lake, {APPENDS_TO: after})
    assert appended_to(sixth) == [*appended_to(fifth), 5]


def test_of_two_appends_to_one_version_the_second_fails_and_leaves_no_files(lake: Lake) -> None:
    make(lake)
    make(lake, after=1)
    with pytest.raises(CommitConflict, match="raw/a@2 came first, but this draft must follow version 1"):
        make(lake, after=1)
    assert make(lake, after=2).number == 3
    assert len(lake.store.dirs("raw/a/data")) == 3
