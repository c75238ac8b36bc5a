from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from laketrain.errors import CommitConflict, LakeError
from laketrain.lake import DataFile, Lake, Retention, Table, expire
from laketrain.lake.stores.local import LocalStore

from .writers import add, commit, parquet


def test_nothing_is_there_before_the_commit_and_all_of_it_after(lake: Lake) -> None:
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


def test_the_log_entry_is_json_under_twenty_digits_and_no_marks_stay(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    path = "clean/pixels/_log/00000000000000000001.json"
    assert json.loads(lake.store.read(path))["version"] == 1
    files = [file.path for file in lake.store.list("clean/pixels", recursive=True)]
    assert [file for file in files if "/data/" not in file] == [path]


@pytest.mark.parametrize("staged", ["before", "after"])
def test_a_version_of_older_data_doesn_t_follow_one_that_was_made_of_data_that_came_later(lake: Lake, staged: str
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


def test_a_version_of_older_data_follows_one_of_newer_data_that_was_known_when_the_older_was_chosen(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with table.stage() as draft:
        draft.commit(parents={"raw/pixels": 2})
    with table.stage() as draft:
        assert draft.commit(parents={"raw/pixels": 1}, newest={"raw/pixels": 2}).number == 2


def test_versions_count_up_and_each_keeps_its_data(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    assert [commit(table, rows) for rows in (3, 4, 5)] == [1, 2, 3]
    assert [table.get(number).rows for number in table.versions()] == [3, 4, 5]
    assert all(table.get(number).exists() for number in table.versions())


def test_a_loser_takes_the_next_number(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    first, second = table.stage(), table.stage()
    add(first, "a", b"1")
    add(second, "a", b"2")
    assert (second.commit().number, first.commit().number) == (1, 2)
    assert [lake.store.read(table.get(number).path("a")) for number in (1, 2)] == [b"2", b"1"]


def test_the_number_of_a_version_that_was_dropped_is_not_given_out_again(lake: Lake) -> None:
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


def test_what_is_to_follow_a_version_does_not_where_the_one_behind_it_came_and_went(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    slow = table.stage()
    commit(table)
    commit(table)
    table.drop(2)
    with pytest.raises(CommitConflict, match=r"clean/pixels@3 came first, and this one was to follow version 1"):
        slow.commit(after=1)
    assert table.versions() == [1, 3]


def test_the_same_work_is_found_behind_others_that_came_meanwhile(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    slow = table.stage()
    commit(table, fingerprint="same")
    commit(table)
    found = slow.commit(fingerprint="same")
    assert (found.is_new, found.number) == (False, 1)


def test_of_two_that_did_the_same_work_one_is_kept(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    first, second = table.stage(), table.stage()
    add(first, "a", b"1")
    add(second, "a", b"2")
    winner, loser = second.commit(fingerprint="same"), first.commit(fingerprint="same")
    assert (winner.is_new, loser.is_new, loser.number) == (True, False, 1)
    assert table.versions() == [1]
    assert not lake.store.exists(first.path())


def test_the_same_work_as_an_older_version_is_committed_as_its_caller_asked(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    assert [commit(table, fingerprint="same"), commit(table, fingerprint="same")] == [1, 2]
    found = table.find("same")
    assert found is not None
    assert found.number == 2
    assert table.find("other") is None
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


def test_a_truncated_parquet_file_is_named_and_not_committed(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    for content in (parquet(100)[:-5], b"", b"PAR1"):
        draft = table.stage()
        add(draft, "train/good.parquet", parquet(3))
        add(draft, "train/bad.parquet", content)
        with pytest.raises(LakeError, match=r"train/bad\.parquet.*truncated or damaged"):
            draft.commit()
    assert table.versions() == []


@pytest.mark.parametrize(("declared", "says"), [
    ([DataFile(path="a", bytes=2)], r"a \(declared 2 bytes, found 1\)"),
    ([DataFile(path="a", bytes=1), DataFile(path="b", bytes=1)], r"b \(declared 1 bytes, found none\)"),
    ([], "files that it does not declare: a"),
])
def test_a_commit_that_declares_what_is_not_stored_is_refused(lake: Lake, declared: list[DataFile], says: str) -> None:
    table = lake.table("clean", "pixels")
    draft = table.stage()
    add(draft, "a", b"1")
    with pytest.raises(LakeError, match=says):
        draft.commit(files=declared)
    assert table.versions() == []


def test_a_refused_commit_can_be_mended_and_tried_again(lake: Lake) -> None:
    draft = lake.table("clean", "pixels").stage()
    with pytest.raises(LakeError):
        draft.commit(files=[DataFile(path="a", bytes=1)])
    add(draft, "a", b"1")
    assert draft.commit(files=[DataFile(path="a", bytes=1)]).exists()


def test_a_value_that_is_no_json_is_refused_with_the_way_out(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(LakeError, match="float"), table.stage() as draft:
        draft.commit(meta={"loss": np.float32(1)})
    assert table.versions() == []


def test_a_damaged_log_entry_is_never_skipped(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table, fingerprint="f")
    draft = table.stage()
    lake.store.create(table.log_path(2), b'{"version": 2')
    for read in (table.latest, lambda: table.find("f"), lambda: table.get(2), draft.commit):
        with pytest.raises(LakeError, match=r"00000000000000000002\.json"):
            read()
    assert table.get(1).number == 1


def test_an_absent_version_says_which_there_are(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    with pytest.raises(LakeError, match="nothing was committed"):
        table.get(1)
    commit(table)
    with pytest.raises(LakeError, match="the latest is 1"):
        table.get(7)


def test_a_table_of_another_lake_object_is_the_same_table(lake: Lake) -> None:
    commit(lake.table("clean", "pixels"))
    again: Lake = pickle.loads(pickle.dumps(lake))
    assert again == lake
    assert again.table("clean", "pixels").latest() == lake.table("clean", "pixels").latest()


@dataclass(frozen=True)
class LosesAnswers(LocalStore):
    """A store that creates log entries and then fails, as a network does when the answer is lost."""

    retries: bool = False

    def create(self, path: str, data: bytes) -> None:
        super().create(path, data)
        if "/_log/" in path:
            if self.retries:
                super().create(path, data)
            raise TimeoutError("no answer")


def test_a_retry_that_meets_its_own_first_attempt_has_won(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.store = LosesAnswers(str(tmp_path), retries=True)
    table = lake.table("clean", "pixels")
    assert commit(table, fingerprint="f") == 1
    assert table.versions() == [1]
    assert table.get(1).exists()


@pytest.mark.parametrize("fingerprint", ["", "f"])
def test_a_commit_tried_again_after_its_answer_was_lost_is_the_same_version(tmp_path: Path, fingerprint: str) -> None:
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


def test_a_commit_whose_answer_is_lost_keeps_its_data(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.store = LosesAnswers(str(tmp_path))
    table = lake.table("clean", "pixels")
    with pytest.raises(TimeoutError):
        commit(table)
    assert table.get(1).exists()
