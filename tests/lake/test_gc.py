from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.unprivileged import public_folder, unprivileged

from laketrain.errors import LakeError
from laketrain.lake import Draft, GcReport, Lake, collect
from laketrain.lake import gc as gc_module
from laketrain.lake.draft import sealed_marker

from .writers import add, commit, parquet

DAY = timedelta(days=1)


def in_hours(hours: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(hours=hours)


def abandoned(lake: Lake) -> Draft:
    draft = lake.table("clean", "pixels").stage()
    add(draft, "train/a.parquet", parquet(3))
    return draft


def test_old_unreferenced_data_is_removed_and_versions_are_kept(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    commit(table)
    draft = abandoned(lake)
    report = collect(lake, DAY, now=in_hours(25))
    assert report == GcReport(data=(draft.path(),), bytes=len(parquet(3)))
    assert not lake.store.exists(draft.path())
    assert lake.store.list("clean/pixels/_drafts") == []
    assert table.get(1).exists()


def test_a_dry_run_reports_and_removes_nothing(lake: Lake) -> None:
    draft = abandoned(lake)
    report = collect(lake, DAY, dry_run=True, now=in_hours(25))
    assert report.data == (draft.path(),)
    assert report.dry_run
    assert draft.commit().exists()


def test_a_running_job_keeps_what_it_wrote_recently(lake: Lake) -> None:
    draft = abandoned(lake)
    assert collect(lake, DAY, now=in_hours(23)) == GcReport()
    assert draft.commit().exists()


def test_checkpoints_of_a_training_without_recent_ones_are_removed_and_others_kept(lake: Lake) -> None:
    """All checkpoints of a training are kept, or none: its best may be old while it continues."""
    table = lake.table("checkpoints", "tiny")

    def save(training: str) -> None:
        with table.stage() as draft:
            add(draft, "model.keras", b"123")
            draft.commit(fingerprint=training)

    for training in ("killed", "killed", "working"):
        save(training)
    assert collect(lake, DAY, now=in_hours(23)) == GcReport()
    killed = [table.get(number).path() for number in (2, 1)]
    assert collect(lake, DAY, dry_run=True, now=in_hours(25)).data == tuple(killed)
    assert table.versions() == [1, 2, 3]
    assert collect(lake, DAY, now=in_hours(25)) == GcReport(data=tuple(killed), bytes=6)
    assert table.versions() == [3]
    assert lake.store.list("checkpoints/tiny/data", recursive=True) == lake.store.list(table.get(3).path(), True)


def test_an_old_checkpoint_is_kept_while_its_training_saves_newer_ones(local_lake: Lake) -> None:
    table = local_lake.table("checkpoints", "tiny")
    for training in ("working", "other", "working", "last"):
        with table.stage() as draft:
            add(draft, "model.keras", b"123")
            draft.commit(fingerprint=training)
    week = time.time() - 7 * 86400
    for number in (1, 2):
        os.utime(Path(local_lake.url, table.log_path(number)), (week, week))
    collect(local_lake, DAY)
    assert table.versions() == [1, 3, 4]


def test_a_table_without_a_version_is_collected_too(lake: Lake) -> None:
    draft = lake.table("models", "never").stage()
    add(draft, "a", b"123")
    assert collect(lake, DAY, now=in_hours(25)).data == (draft.path(),)


def test_the_commit_of_a_collected_draft_fails(lake: Lake) -> None:
    draft = abandoned(lake)
    collect(lake, DAY, now=in_hours(25))
    add(draft, "train/b.parquet", parquet(3))
    with pytest.raises(LakeError, match="garbage collector"):
        draft.commit()
    assert lake.table("clean", "pixels").versions() == []


def test_a_version_committed_while_gc_runs_is_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each instant between two steps of gc, the commit either wins and keeps its data, or is refused."""
    outcomes = set()
    for instant in ("_abandoned_drafts", "_remove_abandoned", "_seal", "_committed"):
        draft = abandoned(lake)
        outcomes.add(commit_before_and_after(lake, draft, instant, monkeypatch))
    assert outcomes == {"committed", "refused"}


def commit_before_and_after(lake: Lake, draft: Draft, instant: str, monkeypatch: pytest.MonkeyPatch) -> str:
    outcome: list[str] = []
    with monkeypatch.context() as patch:
        original: Callable[..., object] = getattr(gc_module, instant)

        def then_commit(*arguments: object) -> object:
            result = original(*arguments)
            if not outcome:
                outcome.append(try_commit(draft))
            return result

        patch.setattr(gc_module, instant, then_commit)
        report = collect(lake, DAY, now=in_hours(25))
    committed = [version for version in map(draft.table.get, draft.table.versions())
                 if version.entry.data.endswith(draft.unique)]
    assert bool(committed) == (outcome == ["committed"])
    assert all(version.exists() for version in committed)
    assert (draft.path() in report.data) == (outcome == ["refused"])
    return outcome[0]


def try_commit(draft: Draft) -> str:
    try:
        draft.commit()
    except LakeError:
        return "refused"
    return "committed"


def test_commits_and_collections_at_once_never_harm_a_version(local_lake: Lake) -> None:
    table = local_lake.table("clean", "pixels")
    finished = threading.Event()

    def collect_all_the_time() -> None:
        while not finished.is_set():
            collect(local_lake, timedelta(0))

    with ThreadPoolExecutor() as pool:
        collector = pool.submit(collect_all_the_time)
        try:
            drafts = (abandoned_safely(local_lake) for _ in range(60))
            committed = [try_commit(draft) for draft in drafts if draft is not None].count("committed")
        finally:
            finished.set()
        collector.result()
    assert len(table.versions()) == committed
    assert all(table.get(number).exists() for number in table.versions())


def test_an_unreadable_log_stops_gc_before_it_removes_data() -> None:
    with public_folder() as folder:
        lake = Lake(folder / "lake")
        version = lake.table("clean", "pixels").get(commit(lake.table("clean", "pixels")))
        for path in (folder / "lake").rglob("*"):
            path.chmod(0o777)
        log = folder / "lake" / "clean" / "pixels" / "_log"
        log.chmod(0o711)
        with unprivileged(), pytest.raises(LakeError, match=r"reading 'clean/pixels/_log'.*permission denied"):
            collect(lake, timedelta(0), now=in_hours(2))
        log.chmod(0o755)
        assert version.missing() == []


def test_versions_may_be_dropped_while_gc_runs(local_lake: Lake) -> None:
    table = local_lake.table("checkpoints", "tiny")
    finished = threading.Event()

    def save_and_drop() -> None:
        while not finished.is_set():
            number = commit(table)
            if number > 1:
                table.drop(number - 1)

    with ThreadPoolExecutor() as pool:
        training = pool.submit(save_and_drop)
        try:
            for _ in range(60):
                collect(local_lake, DAY)
        finally:
            finished.set()
        training.result()
    assert len(table.versions()) == 1


def abandoned_safely(lake: Lake) -> Draft | None:
    try:
        return abandoned(lake)
    except FileNotFoundError:
        return None  # its directory was collected while it was being written


def test_a_commit_in_progress_is_left_alone_and_a_dead_one_is_removed(lake: Lake) -> None:
    draft = abandoned(lake)
    lake.store.create(sealed_marker(draft.table, draft.unique), b"{}")
    assert collect(lake, timedelta(0), now=in_hours(0.5)) == GcReport()
    assert collect(lake, timedelta(0), now=in_hours(2)).data == (draft.path(),)
    assert lake.store.list("clean/pixels", recursive=True) == []


def test_markers_of_a_job_killed_right_after_its_commit_are_removed_and_its_version_is_kept(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    version = table.get(commit(table))
    unique = version.entry.data.removeprefix("data/")
    lake.store.create(f"clean/pixels/_drafts/{unique}.open", b"{}")
    lake.store.create(f"clean/pixels/_drafts/{unique}.closed", b"{}")
    assert len(collect(lake, DAY, now=in_hours(25)).temporary) == 2
    assert lake.store.list("clean/pixels/_drafts") == []
    assert version.exists()


def test_a_damaged_log_stops_gc_before_it_removes_anything_of_that_table(lake: Lake) -> None:
    draft = abandoned(lake)
    lake.store.create(draft.table.log_path(1), b"half an ent")
    with pytest.raises(LakeError, match=r"00000000000000000001\.json"):
        collect(lake, DAY, now=in_hours(25))
    assert lake.store.exists(draft.path("train/a.parquet"))


def test_old_temporary_files_of_killed_creates_are_removed(local_lake: Lake) -> None:
    commit(local_lake.table("clean", "pixels"))
    path = local_lake.store.local("clean/pixels/_log/.tmp-dead")
    assert path is not None
    with open(path, "wb") as file:
        file.write(b"half")
    assert collect(local_lake, timedelta(0)).temporary == ()
    assert collect(local_lake, timedelta(0), now=in_hours(2)).temporary == ("clean/pixels/_log/.tmp-dead",)


def test_leases_of_killed_jobs_are_removed_when_they_are_old(lake: Lake) -> None:
    sign = "_leases/clean/pixels/a1b2/00000000000000000003.json"
    lake.store.create(sign, b"{}")
    assert collect(lake, timedelta(0)).temporary == ()
    assert collect(lake, timedelta(0), dry_run=True, now=in_hours(2)).temporary == (sign,)
    assert collect(lake, timedelta(0), now=in_hours(2)).temporary == (sign,)
    assert not lake.store.exists("_leases/clean/pixels/a1b2")


def test_a_negative_age_is_refused(local_lake: Lake) -> None:
    with pytest.raises(LakeError, match="older_than"):
        collect(local_lake, -DAY)
