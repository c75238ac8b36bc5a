"""Expanding paths and globs to files."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from laketrain.errors import DataError
from laketrain.ingest import ingest, plan_ingest
from laketrain.lake import Lake

from ..unprivileged import public_folder, unprivileged
from .files import landing, source


@pytest.mark.parametrize(("path", "refused"), [
    ("in", "in/b"), ("in/*/*.csv", "in/b"), ("in/[ab]/x.csv", "in/b"), ("in/**/x.csv", "in/b"), ("in/b", "in/b"),
    ("in/b/*.csv", "in/b"), ("in/a", None), ("in/*.csv", None), ("in/a*/*.csv", None), ("in/**/.h/*.csv", "in/b"),
    ("in/shut/e", "in/shut/e"), ("in/shut/e/*.csv", "in/shut/e"), ("in/shut/e/x.csv", "in/shut/e/x.csv"),
])
def test_an_unreadable_directory_is_an_error_if_it_may_contain_matches(path: str, refused: str | None) -> None:
    with public_folder() as folder:
        landing(folder / "in", a__x_csv="1", b__x_csv="2", c__d__x_csv="3", y_csv="4")
        (folder / "in" / "a" / ".hidden").mkdir()
        for closed in ("b", "a/.hidden"):
            (folder / "in" / closed).chmod(0o300)
        if "shut" in path:
            landing(folder / "in", shut__e__x_csv="5")
            (folder / "in" / "shut").chmod(0o600)
        with unprivileged():
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


@pytest.mark.parametrize("name", ["run[1]", "a [2026-11-20] b", "[x]"])
def test_brackets_in_the_name_of_an_existing_path_are_not_wildcards(tmp_path: Path, name: str) -> None:
    """As a pattern, `run[1]` matches another folder, whose files would be ingested instead."""
    landing(tmp_path / name, b__x_csv="own", y_csv="own too")
    landing(tmp_path / "run1", b__x_csv="another's", z_csv="another's")
    (tmp_path / "b[1].csv").write_text("a file")
    (tmp_path / "b1.csv").write_text("another file")
    expected = {name: {"b/x.csv": "own", "y.csv": "own too"}, f"{name}/y.csv": {"y.csv": "own too"},
                "b[1].csv": {"b%5B1%5D.csv": "a file"}}
    for path, files in expected.items():
        plan, key = plan_ingest("pixels", source(tmp_path / path))
        version = ingest(Lake(tmp_path / "lake"), "pixels", plan, key)
        assert {file.path: version.lake.store.read(version.path(file.path)).decode()
                for file in version.entry.files} == files


def test_brackets_are_wildcards_if_no_such_path_exists(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", a1_csv="1", a2_csv="2", a3_csv="3")
    plan, _ = plan_ingest("pixels", source(folder / "a[12].csv"))
    assert [file.name for file in plan.files] == ["a1.csv", "a2.csv"]
