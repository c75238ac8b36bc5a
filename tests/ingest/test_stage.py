from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.landed import raw_files
from laketrain.config.sources import Source
from laketrain.errors import CommitConflict, DataError, LakeError
from laketrain.ingest import ingest, listing, plan_ingest
from laketrain.lake import Lake, Version, appends
from laketrain.lake.paths import is_hidden

from ..nobody import as_nobody, open_folder


def source(path: object, **settings: object) -> Source:
    return Source.model_validate({"format": "csv", "path": str(path), "schema": {"a": "string"}, **settings})


def landing(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_files_land_byte_for_byte_under_their_names(tmp_path: Path) -> None:
    folder = landing(tmp_path / "a landing", x_csv="a\n1\n", y_csv="a\n2\nü\n")
    plan, key = plan_ingest("pixels", source(folder / "*.csv"))
    version = ingest(Lake(tmp_path / "my lake"), "pixels", plan, key)
    landed = {file.path: version.lake.store.read(version.path(file.path)) for file in version.entry.files}
    assert landed == {"x.csv": b"a\n1\n", "y.csv": "a\n2\nü\n".encode()}
    assert version.entry.counts == {"files": 2, "bytes": 4 + 7}


def test_a_directory_lands_with_its_folders_and_without_what_is_hidden(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", b__x_csv="1", c__x_csv="2", _SUCCESS="", b___half="x")
    plan, _ = plan_ingest("pixels", source(folder))
    assert [file.name for file in plan.files] == ["b/x.csv", "c/x.csv"]


def test_the_same_files_have_the_same_fingerprint_and_changed_ones_another(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    _, before = plan_ingest("pixels", source(folder / "*.csv"))
    _, again = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="12")
    _, grown = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, z_csv="1")
    _, more = plan_ingest("pixels", source(folder / "*.csv"))
    assert before == again
    assert len({before, grown, more}) == 3


def test_a_file_that_may_not_be_read_is_named_and_nothing_is_landed() -> None:
    with open_folder() as folder:
        landing(folder / "in", x_csv="1", y_csv="2")
        (folder / "in" / "y.csv").chmod(0o200)
        lake = Lake(folder / "lake")
        with as_nobody(), pytest.raises(DataError, match=r"in/y\.csv.*(?i:permission denied)"):
            plan, key = plan_ingest("pixels", source(folder / "in"))
            ingest(lake, "pixels", plan, key)
        assert lake.table("raw", "pixels").versions() == []


@pytest.mark.parametrize(("path", "refused"), [
    ("in", "in/b"), ("in/*/*.csv", "in/b"), ("in/[ab]/x.csv", "in/b"), ("in/**/x.csv", "in/b"), ("in/b", "in/b"),
    ("in/b/*.csv", "in/b"), ("in/a", None), ("in/*.csv", None), ("in/a*/*.csv", None), ("in/**/.h/*.csv", "in/b"),
    ("in/shut/e", "in/shut/e"), ("in/shut/e/*.csv", "in/shut/e"), ("in/shut/e/x.csv", "in/shut/e/x.csv"),
])
def test_a_directory_that_may_not_be_listed_is_refused_by_name_where_files_may_be_in_it(path: str, refused: str | None
                                                                                        ) -> None:
    with open_folder() as folder:
        landing(folder / "in", a__x_csv="1", b__x_csv="2", c__d__x_csv="3", y_csv="4")
        (folder / "in" / "a" / ".hidden").mkdir()
        for closed in ("b", "a/.hidden"):
            (folder / "in" / closed).chmod(0o300)
        if "shut" in path:
            landing(folder / "in", shut__e__x_csv="5")
            (folder / "in" / "shut").chmod(0o600)
        with as_nobody():
            if refused:
                with pytest.raises(DataError, match=rf"can't be listed: .*{refused}'") as caught:
                    plan_ingest("pixels", source(folder / path, empty="ok"))
                assert "or name only what you may by a narrower 'path'" in caught.value.hint
            else:
                assert plan_ingest("pixels", source(folder / path))[0].files


@pytest.mark.parametrize("pattern", ["*", "*/*", "**", "**/x*", "a/**", "a*/[xy].csv", "?/**/y.csv", "[!a]/*"])
def test_a_glob_matches_what_fsspec_matches(tmp_path: Path, pattern: str) -> None:
    folder = landing(tmp_path / "in", a__x_csv="1", a__b__y_csv="2", b__x_csv="3", x_csv="4", c__d__e__y_csv="5")
    expected = sorted(path for path in fsspec.filesystem("file").glob(f"{folder}/{pattern}") if os.path.isfile(path))
    plan, _ = plan_ingest("pixels", source(f"{folder}/{pattern}", empty="ok"))
    assert [file.url.removeprefix("file://") for file in plan.files] == expected


def test_a_file_whose_name_is_no_text_is_named_as_far_as_it_can_be(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    os.mkdir(os.fsencode(folder) + b"/d\xfcr")
    Path(os.fsdecode(os.fsencode(folder) + b"/d\xfcr/y.csv")).write_text("2")
    with pytest.raises(DataError, match=r"source 'pixels': the file .*/in/d\\xfcr/y\.csv has a name that is no UTF-8"):
        plan_ingest("pixels", source(folder))


def test_characters_that_spark_takes_for_a_pattern_are_percent_escapes_in_the_lake(tmp_path: Path) -> None:
    names = {"a{1}[x].csv": "a%7B1%7D%5Bx%5D.csv", "[a]/?*.csv": "%5Ba%5D/%3F%2A.csv",
             "t=12:30/:a:.csv": "t=12%3A30/%3Aa%3A.csv", "b\\\n\x85.csv": "b%5C%0A%C2%85.csv",
             "50%/c%5B + ü.csv": "50%/c%5B + ü.csv"}
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    plan, key = plan_ingest("pixels", source(tmp_path / "in"))
    version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
    assert {file.original: file.file.path for file in raw_files(version)} == names
    assert all(file.open().read().decode() == file.original for file in raw_files(version))
    assert {path: url.rpartition("/in/")[2] for path, url in version.entry.meta["sources"].items()} == {
        path: name for name, path in names.items()}


@given(st.lists(st.text(st.sampled_from("ab[]{}*?:\\%5B.-_=\n\x7f"), min_size=1), min_size=1).map("/".join))
def test_nothing_that_is_shown_in_the_source_is_hidden_or_a_pattern_in_the_lake(path: str) -> None:
    name = listing._name_in_lake(path)
    assert not set("*?:[]{}\\") & set(name)
    assert listing._hidden(name, "csv") == listing._hidden(path, "csv")
    assert listing._hidden(name, "csv") or not is_hidden(name)
    assert name == path or unquote(name) == unquote(path)


def old_name(path: str) -> str:
    """As names were made before they had escapes."""
    return re.sub(r"[*?\[\]{}\\\x00-\x1f]", "_", path)


def test_files_that_landed_under_other_names_land_anew_and_those_of_increments_count_as_landed(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lake = landing(tmp_path / "in", a__x_csv="1", **{"[b]__x_csv": "2"}), Lake(tmp_path / "lake")
    plain = landing(tmp_path / "plain", x_csv="1")
    with monkeypatch.context() as before:
        before.setattr(listing, "_name_in_lake", old_name)
        whole, same = plan_ingest("pixels", source(folder))[1], plan_ingest("pixels", source(plain))[1]
        assert [file.path for file in grown(folder, lake).entry.files] == ["_b_/x.csv", "a/x.csv"]
    assert whole != plan_ingest("pixels", source(folder))[1]
    assert same == plan_ingest("pixels", source(plain))[1]
    landing(folder, **{"[c]__x_csv": "3"})
    assert [file.path for file in grown(folder, lake).entry.files] == ["%5Bc%5D/x.csv"]


@pytest.mark.parametrize("name", ["run[1]", "a [2026-11-20] b", "[x]"])
def test_a_directory_or_a_file_whose_name_has_brackets_is_taken_by_its_word(tmp_path: Path, name: str) -> None:
    """As a pattern, `run[1]` is the name of another one, whose files would land in its place."""
    landing(tmp_path / name, b__x_csv="own", y_csv="own too")
    landing(tmp_path / "run1", b__x_csv="another's", z_csv="another's")
    (tmp_path / "b[1].csv").write_text("a file")
    (tmp_path / "b1.csv").write_text("another file")
    wanted = {name: {"b/x.csv": "own", "y.csv": "own too"}, f"{name}/y.csv": {"y.csv": "own too"},
              "b[1].csv": {"b%5B1%5D.csv": "a file"}}
    for path, files in wanted.items():
        plan, key = plan_ingest("pixels", source(tmp_path / path))
        version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
        assert {file.path: version.lake.store.read(version.path(file.path)).decode()
                for file in version.entry.files} == files


def test_brackets_that_name_nothing_are_a_wildcard(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", a1_csv="1", a2_csv="2", a3_csv="3")
    plan, _ = plan_ingest("pixels", source(folder / "a[12].csv"))
    assert [file.name for file in plan.files] == ["a1.csv", "a2.csv"]


def test_two_files_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a[.csv").write_text("1")
    (folder / "a%5B.csv").write_text("2")
    with pytest.raises(DataError, match=r"would both be a%5B\.csv"):
        plan_ingest("pixels", source(folder))


def test_a_path_that_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file matches .*nothing"):
        plan_ingest("pixels", source(tmp_path / "nothing" / "*.csv"))


def test_a_file_that_changes_between_plan_and_copy_is_never_committed(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    plan, key = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="123")
    lake = Lake(tmp_path / "lake")
    with pytest.raises(LakeError, match=r"x\.csv"):
        ingest(lake, "pixels", plan, key)
    assert lake.table("raw", "pixels").versions() == []


def grown(folder: Path, lake: Lake, **settings: object) -> Version:
    """One run over an incremental source."""
    raw = lake.table("raw", "pixels")
    plan, key = plan_ingest("pixels", source(folder, incremental=True, **settings), raw.latest())
    return raw.find(key) or ingest(lake, "pixels", plan, key)


def test_an_incremental_run_lands_only_what_no_earlier_one_has(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", b__x_csv="1"), Lake(tmp_path / "lake")
    first = grown(folder, lake)
    again = grown(folder, lake)
    (folder / "b" / "x.csv").unlink()
    landing(folder, c__x_csv="22", d__x_csv="333")
    second = grown(folder, lake)
    landing(folder, e__x_csv="4")
    third = grown(folder, lake)
    assert (first.number, again.number, second.number, third.number) == (1, 1, 2, 3)
    assert [file.path for file in second.entry.files] == ["c/x.csv", "d/x.csv"]
    assert [version.number for version in appends(third)] == [1, 2, 3]
    held = {file.path: version.lake.store.read(version.path(file.path))
            for version in appends(third) for file in version.entry.files}
    assert held == {"b/x.csv": b"1", "c/x.csv": b"22", "d/x.csv": b"333", "e/x.csv": b"4"}


def test_a_changed_file_is_refused_with_a_way_out_that_says_what_it_would_drop(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1", y_csv="2"), Lake(tmp_path / "lake")
    grown(folder, lake)
    landing(folder, x_csv="11")
    with pytest.raises(DataError, match=r"has 2 bytes, but had 1 when raw/pixels@1 landed it") as caught:
        grown(folder, lake)
    assert "half written, or is corrected now, land all files anew" in caught.value.hint
    assert "drops" not in caught.value.hint and "new name" not in caught.value.hint
    (folder / "y.csv").unlink()
    with pytest.raises(DataError) as caught:
        grown(folder, lake)
    assert "that run drops the rows of 1 landed files that are no longer at the source, such as" in caught.value.hint
    assert f"{folder}/y.csv" in caught.value.hint


def test_a_source_that_mirrors_what_is_there_says_how_many_files_are_gone(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1", y_csv="2", z_csv="3"), Lake(tmp_path / "lake")
    first = grown(folder, lake)
    landing(folder, w_csv="4")
    second = grown(folder, lake)
    for name in ("x.csv", "w.csv"):
        (folder / name).unlink()
    plan, key = plan_ingest("pixels", source(folder), second)
    assert ingest(lake, "pixels", plan, key).entry.counts == {"files": 2, "bytes": 2, "gone": 2}
    assert "gone" not in first.entry.counts
    assert plan_ingest("pixels", source(folder), lake.table("raw", "pixels").latest())[0].gone == 0
    lake.table("raw", "pixels").drop(1)
    assert plan_ingest("pixels", source(folder), second)[0].gone == 1  # of what the lake still knows


def test_an_incremental_run_with_nothing_new_makes_nothing(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    first = grown(folder, lake)
    plan, key = plan_ingest("pixels", source(folder, incremental=True), first)
    assert (key, ingest(lake, "pixels", plan, key).number) == (first.entry.fingerprint, 1)
    (folder / "x.csv").unlink()
    assert grown(folder, lake).number == 1


def test_of_two_increments_at_once_the_second_is_refused_and_lands_what_is_left_when_it_is_planned_again(
        tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    for _ in range(2):  # the first landing of all, and one that adds
        latest = lake.table("raw", "pixels").latest()
        late = plan_ingest("pixels", source(folder, incremental=True), latest)
        landing(folder, **{f"y{latest.number if latest else 0}_csv": "2"})
        grown(folder, lake)
        with pytest.raises(CommitConflict, match="came first"):
            ingest(lake, "pixels", *late)
        assert late[1] != grown(folder, lake).entry.fingerprint
        landing(folder, **{f"z{latest.number if latest else 0}_csv": "3"})
    held = [file.path for part in appends(grown(folder, lake)) for file in part.entry.files]
    assert sorted(held) == ["x.csv", "y0.csv", "y1.csv", "z0.csv", "z1.csv"]


def test_an_increment_may_follow_a_whole_landing(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    plan, key = plan_ingest("pixels", source(folder))
    ingest(lake, "pixels", plan, key)
    landing(folder, y_csv="2")
    assert [file.path for file in grown(folder, lake).entry.files] == ["y.csv"]


def test_a_file_that_changed_after_it_was_landed_is_told(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    grown(folder, lake)
    os.utime(folder / "x.csv", (1, 1))
    with pytest.raises(DataError, match=r"x\.csv was written again after raw/pixels@1 landed it"):
        grown(folder, lake)
    landing(folder, x_csv="12")
    with pytest.raises(DataError, match=r"x\.csv has 2 bytes, but had 1 when raw/pixels@1 landed it"):
        grown(folder, lake)


def test_an_increment_that_misses_an_earlier_version_says_so(tmp_path: Path) -> None:
    folder, lake = landing(tmp_path / "in", x_csv="1"), Lake(tmp_path / "lake")
    grown(folder, lake)
    landing(folder, y_csv="2")
    second = grown(folder, lake)
    lake.table("raw", "pixels").drop(1)
    with pytest.raises(LakeError, match="version 1 of raw/pixels: there is none"):
        appends(second)


def test_a_source_may_be_empty_where_it_says_so(tmp_path: Path) -> None:
    plan, key = plan_ingest("pixels", source(tmp_path / "nothing" / "*.csv", empty="ok"))
    version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
    assert (version.number, version.entry.files) == (1, [])
    with pytest.raises(DataError, match=r"no file matches .*; 1 hidden ones were passed over"):
        plan_ingest("pixels", source(landing(tmp_path / "in", _SUCCESS="")))


def test_hidden_files_are_counted_and_photos_may_begin_with_an_underscore(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", a="1", _MG_1="2", _tmp__b="3")
    (folder / ".DS_Store").write_text("x")
    (folder / "half.csv._COPYING_").write_text("Hadoop writes it still, and Spark passes it over")
    plan, key = plan_ingest("pixels", source(folder))
    assert ([file.name for file in plan.files], plan.listing.hidden) == (["a"], 4)
    photos = Source.model_validate({"format": "images", "path": str(folder)})
    plan, key = plan_ingest("photos", photos)
    assert ([file.name for file in plan.files], plan.listing.hidden) == (["_MG_1", "_tmp/b", "a"], 2)
    assert ingest(Lake(tmp_path / "lake"), "photos", plan, key).entry.meta["hidden"] == 2
