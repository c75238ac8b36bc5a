from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.errors import LakeError
from laketrain.lake.paths import check_name, check_new_path, check_path, join, name_problem, path_problem


@pytest.mark.parametrize("path", ["a", "a/b.json", "clean/Zähler eins/ü", "…/x", "a..b/c", ".hidden/_x", "a/%2e%2e/b"])
def test_a_relative_path_is_returned_unchanged(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(("path", "reason"), [
    ("", "is empty"), ("/etc/passwd", "is absolute"), ("..", "'..'"), ("a/../b", "'..'"), ("a/..", "'..'"),
    ("a//b", "empty part"), ("a/", "empty part"), ("./a", "'.'"), ("a\nb", "control"), ("a\x00", "control"),
    ("a\x7f", "control"), ("a\ud800", "control"), (3, "int"),
])
def test_a_path_that_could_leave_the_lake_or_break_it_is_refused_with_the_reason(path: str, reason: str) -> None:
    with pytest.raises(LakeError, match=reason) as caught:
        check_path(path)
    assert "relative to the lake's root" in caught.value.hint


@settings(deadline=None)
@given(st.text())
def test_a_valid_path_is_inside_every_root(path: str) -> None:
    if path_problem(path):
        return
    root = Path("/srv/lake")
    joined = Path(root, path)
    assert ".." not in joined.parts
    assert joined.is_relative_to(root)
    assert joined != root
    assert not any(unicodedata.category(character) == "Cc" for character in path)


@settings(deadline=None)
@given(st.text())
def test_a_valid_name_is_a_single_part_of_a_path(name: str) -> None:
    if not name_problem(name):
        assert check_path(name) == name
        assert "/" not in name
        assert not name.startswith((".", "_"))


@pytest.mark.parametrize("name", ["a", "7", "mnist-2.v1_x", "A" * 128])
def test_plain_names_are_valid(name: str) -> None:
    assert check_name("table", name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "_log", ".x", "a/b", "a b", "é", "a\n", "A" * 129, None])
def test_other_names_are_refused_with_what_is_accepted(name: str) -> None:
    with pytest.raises(LakeError, match="A-Z a-z 0-9"):
        check_name("table", name)


@pytest.mark.parametrize("path", [".tmp-x", "a/.tmp-1/b"])
def test_new_files_may_not_have_names_that_listings_hide(path: str) -> None:
    with pytest.raises(LakeError, match="listings hide"):
        check_new_path(path)


def test_join_checks_its_path() -> None:
    assert join("a", "") == "a"
    assert join("a", "b/c") == "a/b/c"
    with pytest.raises(LakeError):
        join("a", "../b")
