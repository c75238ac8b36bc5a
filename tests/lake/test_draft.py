from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from laketrain.errors import CommitConflict, LakeError
from laketrain.lake import Lake, Table
from laketrain.lake.stores.local import LocalStore

from .writers import add, commit, parquet


def test_a_version_is_visible_completely_after_its_commit_and_not_before(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with table.stage() as draft:
        add(draft, "train/part 1.parquet", parquet(10))
        add(draft, "train/_common_metadata", b"meta")
        add(draft, "train/_SUCCESS", b"")
        add(draft, "train/.part.crc", b"crc")
        assert table.versions() == []
        assert table.latest() is None
        assert lake.tables() == []
        version = draft.commit(stage="clean", fingerprint="f", counts={"in": 12, "out": 10, "quarantined": 2},
                               parents={"raw/pixels": 1}, meta={"mean": 0.5}, table_schema="{}")
    assert table.latest() == version
    assert table.versions() == [1]
    assert lake.tables() == [table]
    assert version.is_new
    assert version.exists()
    assert version.rows == 10
    assert [file.path for file in version.files()] == ["train/_common_metadata", "train/part 1.parquet"]
    entry = version.entry
    assert entry.data == version.path().removeprefix("clean/pixels/")
    assert "@" in entry.by
    assert entry.laketrain
    assert entry.seconds >= 0
    assert abs((datetime.now(timezone.utc) - entry.created).total_seconds()) < 60
    assert entry.counts["quarantined"] == 2
    assert entry.meta == {"mean": 0.5}
    assert entry.table_schema == "{}"


def test_the_log_entry_is_json_named_by_twenty_digits_and_no_markers_remain(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    path = "clean/pixels/_log/00000000000000000001.json"
    assert json.loads(lake.store.read(path))["version"] == 1
    files = [file.path for file in lake.store.list("clean/pixels", recursive=True)]
    assert [file for file in files if "/data/" not in file] == [path]


@pytest.mark.parametrize("staged", ["before", "after"])
def test_a_version_of_older_data_does_not_follow_one_of_newer_data(lake: Lake, staged: str
                                                                                          ) -> None:
    table = lake.table("clean", "pixels")

    def other() -> None:
        with table.stage() as draft:
            draft.commit(parents={"raw/pixels": 6, "raw/labels": 1})

    if staged == "after":
        other()
    with pytest.raises(CommitConflict, match=r"clean/pixels@1 was made of raw/pixels@6 meanwhile"), \
            table.stage() as draft:
        if staged == "before":
            other()
        draft.commit(parents={"raw/pixels": 4, "raw/labels": 1}, newest={"raw/pixels": 5, "raw/labels": 1})
    assert table.versions() == [1]
    assert [file.path for file in lake.store.list("clean/pixels", recursive=True)] == [table.log_path(1)]


def test_a_version_of_older_data_follows_if_the_newer_data_existed_when_it_was_chosen(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with table.stage() as draft:
        draft.commit(parents={"raw/pixels": 2})
    with table.stage() as draft:
        assert draft.commit(parents={"raw/pixels": 1}, newest={"raw/pixels": 2}).number == 2


def test_a_draft_that_loses_a_race_takes_the_next_number(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    first, second = table.stage(), table.stage()
    add(first, "a", b"1")
    add(second, "a", b"2")
    assert (second.commit().number, first.commit().number) == (1, 2)
    assert [lake.store.read(table.get(number).path("a")) for number in (1, 2)] == [b"2", b"1"]


def test_a_draft_that_must_follow_a_version_fails_even_if_the_one_after_it_was_dropped(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    slow = table.stage()
    commit(table)
    commit(table)
    table.drop(2)
    with pytest.raises(CommitConflict, match=r"clean/pixels@3 came first, but this draft must follow version 1"):
        slow.commit(after=1)
    assert table.versions() == [1, 3]


def test_the_same_work_is_recognised_after_other_versions(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    slow = table.stage()
    commit(table, fingerprint="same")
    commit(table)
    version = slow.commit(fingerprint="same")
    assert (version.is_new, version.number) == (False, 1)


def test_of_two_drafts_of_the_same_work_one_is_kept(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    first, second = table.stage(), table.stage()
    add(first, "a", b"1")
    add(second, "a", b"2")
    winner, loser = second.commit(fingerprint="same"), first.commit(fingerprint="same")
    assert (winner.is_new, loser.is_new, loser.number) == (True, False, 1)
    assert table.versions() == [1]
    assert not lake.store.exists(first.path())


def test_the_same_work_as_a_version_before_the_draft_is_committed_again(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    assert [commit(table, fingerprint="same"), commit(table, fingerprint="same")] == [1, 2]
    version = table.find("same")
    assert version is not None
    assert version.number == 2
    assert table.find("other") is None
    assert table.find("other", "", "same") == version
    assert table.find("") is None


def fail_in_a_draft(table: Table, commits: bool) -> None:
    with table.stage() as draft:
        add(draft, "a", b"1")
        if commits:
            draft.commit()
        raise ZeroDivisionError


def test_an_exception_discards_the_draft(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(ZeroDivisionError):
        fail_in_a_draft(table, commits=False)
    assert lake.store.list("clean/pixels", recursive=True) == []


def test_an_exception_after_the_commit_leaves_the_version(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(ZeroDivisionError):
        fail_in_a_draft(table, commits=True)
    latest = table.latest()
    assert latest is not None
    assert latest.exists()


def test_a_draft_commits_once(lake: Lake) -> None:
    draft = lake.table("clean", "pixels").stage()
    draft.commit()
    with pytest.raises(LakeError, match="committed already, as clean/pixels@1"):
        draft.commit()


def test_a_value_that_is_not_json_is_an_error_with_a_hint(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(LakeError, match="float"), table.stage() as draft:
        draft.commit(meta={"loss": np.float32(1)})
    assert table.versions() == []


@dataclass(frozen=True)
class LosesAnswers(LocalStore):
    """A store that creates log entries and then fails, as when the network loses the reply."""

    retries: bool = False

    def create(self, path: str, data: bytes) -> None:
        super().create(path, data)
        if "/_log/" in path:
            if self.retries:
                super().create(path, data)
            raise TimeoutError("no answer")


def test_a_retry_after_its_own_successful_attempt_returns_that_version_as_new(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.store = LosesAnswers(str(tmp_path), retries=True)
    table = lake.table("clean", "pixels")
    assert commit(table, fingerprint="f") == 1
    assert table.versions() == [1]
    assert table.get(1).exists()


@pytest.mark.parametrize("fingerprint", ["", "f"])
def test_a_retried_commit_whose_reply_was_lost_returns_the_same_version(tmp_path: Path, fingerprint: str) -> None:
    lake = Lake(tmp_path)
    table = lake.table("clean", "pixels")
    draft = table.stage()
    add(draft, "a", b"1")
    draft._store = LosesAnswers(str(tmp_path))
    with pytest.raises(TimeoutError):
        draft.commit(fingerprint=fingerprint)
    draft._store = lake.store
    version = draft.commit(fingerprint=fingerprint)
    assert (version.number, version.is_new, table.versions()) == (1, True, [1])
    assert lake.store.list("clean/pixels/_drafts") == []


def test_a_commit_whose_reply_was_lost_keeps_its_data(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.store = LosesAnswers(str(tmp_path))
    table = lake.table("clean", "pixels")
    with pytest.raises(TimeoutError):
        commit(table)
    assert table.get(1).exists()
