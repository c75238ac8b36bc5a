from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from laketrain.lake import Lake
from laketrain.profile.model import PAGE
from laketrain.report.page import render

from ..lakes import Built, build, workload
from ..parsed_page import Page
from ..profiles import commit_profile, profile_of


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return build(tmp_path)


def test_a_table_has_its_warnings_and_the_path_of_its_page(built: Built) -> None:
    profile = commit_profile(built.version("clean"), profile_of())
    section = Page(render(built.lake, built.record)).sections["profiles"]
    assert "clean/pixels@1" in section and "x calm has 3 NaN" in section
    assert str(built.lake.store.local(profile.path(PAGE))) in section


def test_a_missing_profile_is_reported_unless_profiles_are_turned_off(built: Built) -> None:
    assert "has no profile" in Page(render(built.lake, built.record)).sections["profiles"]
    record = replace(built.record, workload=workload(built.lake.url, profile=False))
    assert "profiles" not in Page(render(Lake(built.lake.url), record)).sections
