from __future__ import annotations

import pickle

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake, Retention, expire

from .writers import add, commit


def test_versions_are_numbered_and_each_keeps_its_data(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    assert [commit(table, rows) for rows in (3, 4, 5)] == [1, 2, 3]
    assert [table.get(number).rows for number in table.versions()] == [3, 4, 5]
    assert all(table.get(number).exists() for number in table.versions())


def test_the_number_of_a_dropped_version_is_not_reused(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    slow = table.stage()
    add(slow, "a", b"1")
    for _ in range(4):
        commit(table)
    expire(lake, Retention(2))
    assert table.versions() == [4, 5]
    assert slow.commit().number == 6
    assert expire(lake, Retention(2))[0].number == 4


def test_a_damaged_log_entry_is_never_skipped(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table, fingerprint="f")
    draft = table.stage()
    lake.store.create(table.log_path(2), b'{"version": 2')
    for read in (table.latest, lambda: table.find("f"), lambda: table.get(2), draft.commit):
        with pytest.raises(LakeError, match=r"00000000000000000002\.json"):
            read()
    assert table.get(1).number == 1


def test_a_missing_version_is_an_error_that_names_the_latest(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(LakeError, match="nothing was committed"):
        table.get(1)
    commit(table)
    with pytest.raises(LakeError, match="the latest is 1"):
        table.get(7)


def test_tables_of_equal_lakes_are_equal(lake: Lake) -> None:
    commit(lake.table("clean", "pixels"))
    again: Lake = pickle.loads(pickle.dumps(lake))
    assert again == lake
    assert again.table("clean", "pixels").latest() == lake.table("clean", "pixels").latest()
