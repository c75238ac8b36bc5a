"""Copying the files of a source into the lake."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.errors import CommitConflict, DataError, LakeError
from laketrain.ingest import ingest, plan_ingest
from laketrain.lake import Lake, appends

from ..unprivileged import public_folder, unprivileged
from .files import ingest_incremental, landing, source


def test_files_are_copied_byte_for_byte_under_their_names(tmp_path: Path) -> None:
    folder = landing(tmp_path / "a landing", x_csv="a\n1\n", y_csv="a\n2\nü\n")
    plan, key = plan_ingest("pixels", source(folder / "*.csv"))
    version = ingest(Lake(tmp_path / "my lake"), "pixels", plan, key)
    copied = {file.path: version.lake.store.read(version.path(file.path)) for file in version.entry.files}
    assert copied == {"x.csv": b"a\n1\n", "y.csv": "a\n2\nü\n".encode()}
    assert version.entry.counts == {"files": 2, "bytes": 4 + 7}


def test_an_unreadable_file_is_named_and_nothing_is_committed() -> None:
    with public_folder() as folder:
        landing(folder / "in", x_csv="1", y_csv="2")
        (folder / "in" / "y.csv").chmod(0o200)
        lake = Lake(folder / "lake")
        with unprivileged(), pytest.raises(DataError, match=r"in/y\.csv.*(?i:permission denied)"):
            plan, key = plan_ingest("pixels", source(folder / "in"))
            ingest(lake, "pixels", plan, key)
        assert lake.table("raw", "pixels").versions() == []


def test_a_file_that_changes_between_plan_and_copy_is_never_committed(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    plan, key = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="123")
    lake = Lake(tmp_path / "lake")
    with pytest.raises(LakeError, match=r"x\.csv"):
        ingest(lake, "pixels", plan, key)
    assert lake.table("raw", "pixels").versions() == []


def test_an_incremental_run_copies_only_new_files(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", b__x_csv="1"), Lake(tmp_path / "lake")
    first = ingest_incremental(folder, lake)
    again = ingest_incremental(folder, lake)
    (folder / "b" / "x.csv").unlink()
    landing(folder, c__x_csv="22", d__x_csv="333")
    second = ingest_incremental(folder, lake)
    landing(folder, e__x_csv="4")
    third = ingest_incremental(folder, lake)
    assert (first.number, again.number, second.number, third.number) == (1, 1, 2, 3)
    assert [file.path for file in second.entry.files] == ["c/x.csv", "d/x.csv"]
    assert [version.number for version in appends(third)] == [1, 2, 3]
    held = {file.path: version.lake.store.read(version.path(file.path))
            for version in appends(third) for file in version.entry.files}
    assert held == {"b/x.csv": b"1", "c/x.csv": b"22", "d/x.csv": b"333", "e/x.csv": b"4"}


def test_an_incremental_run_without_new_files_commits_nothing(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    first = ingest_incremental(folder, lake)
    plan, key = plan_ingest("pixels", source(folder, incremental=True), first)
    assert (key, ingest(lake, "pixels", plan, key).number) == (first.entry.fingerprint, 1)
    (folder / "x.csv").unlink()
    assert ingest_incremental(folder, lake).number == 1


def test_of_two_concurrent_appends_the_second_fails_and_copies_the_rest_when_planned_again(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    for _ in range(2):  # the very first version, and an append
        latest = lake.table("raw", "pixels").latest()
        late = plan_ingest("pixels", source(folder, incremental=True), latest)
        landing(folder, **{f"y{latest.number if latest else 0}_csv": "2"})
        ingest_incremental(folder, lake)
        with pytest.raises(CommitConflict, match="came first"):
            ingest(lake, "pixels", *late)
        assert late[1] != ingest_incremental(folder, lake).entry.fingerprint
        landing(folder, **{f"z{latest.number if latest else 0}_csv": "3"})
    held = [file.path for part in appends(ingest_incremental(folder, lake)) for file in part.entry.files]
    assert sorted(held) == ["x.csv", "y0.csv", "y1.csv", "z0.csv", "z1.csv"]


def test_an_append_may_follow_a_full_copy(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    plan, key = plan_ingest("pixels", source(folder))
    ingest(lake, "pixels", plan, key)
    landing(folder, y_csv="2")
    assert [file.path for file in ingest_incremental(folder, lake).entry.files] == ["y.csv"]


def test_an_append_whose_earlier_version_is_missing_is_an_error(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    ingest_incremental(folder, lake)
    landing(folder, y_csv="2")
    second = ingest_incremental(folder, lake)
    lake.table("raw", "pixels").drop(1)
    with pytest.raises(LakeError, match="version 1 of raw/pixels: there is none"):
        appends(second)
