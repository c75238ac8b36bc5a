"""The page of a profile: it shows the numbers, loads nothing, and escapes values from data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from laketrain.errors import LakeError
from laketrain.profile.model import Numbers, TableProfile
from laketrain.report.profile import ProfileView, page_of

from ..parsed_page import Page
from ..profiles import HOSTILE, column, numbers, profile_of


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(page_of(profile_of()))


@pytest.mark.parametrize(("section", "texts"), [
    ("head", ["clean/shapes@2", "100 rows, 4 columns, 1.2 kB", "x calm has 3 NaN and 0 infinite numbers",
              "label calm is imbalanced: 'calm rare' has 1.11 % of the rows, 'calm' 89 times as many",
              "x calm and y are almost perfectly correlated (r = -0.995)", "label calm drifted from version 1",
              "photo has 10 files that aren't readable images"]),
    ("drift", ["since clean/shapes@1", "60 → 100 rows", "label calm strong", "new: calm calm rare", "vanished: fox",
               "z calm strong is gone", "x calm some is new", "PSI of 0.1", "0.25"]),
    ("columns", ["x calm double nulls 10 (10.0 %)", "distinct about 60", "NaN 3", "0 4 mean 1.5 std 1.25",
                 "median 1", "largest : smallest class 89 : 1", "calm rare 1 1.1 %", "80 readable, 10 not",
                 "is empty 10", "8 × 6 80"]),
    ("correlations", ["x calm", "−0.99", "calm too many"])])
def test_sections_show_the_numbers_of_the_profile(page: Page, section: str, texts: list[str]) -> None:
    assert [text for text in texts if text not in page.sections[section]] == []


def test_the_page_loads_nothing(page: Page) -> None:
    assert page.of("script") == page.of("iframe") == []
    assert not [name for _, values in page.tags for name in values if name in ("src", "srcset", "action", "onload")]
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert "http:" not in page.html and "https:" not in page.html and "@import" not in page.html
    [policy] = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy


def test_the_page_is_accessible_to_screen_readers(page: Page) -> None:
    assert all(drawing["aria-label"] for drawing in page.of("svg"))
    assert all(cell["scope"] in ("row", "col") for cell in page.of("th"))
    ids = Counter(values["id"] for _, values in page.tags if "id" in values)
    assert max(ids.values()) == 1


def test_values_from_data_are_escaped() -> None:
    page = Page(page_of(profile_of(HOSTILE)))
    assert "<script" not in page.html.lower()
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    assert all("<script>" in page.sections[section] for section in ("head", "drift", "columns", "correlations"))


def test_sections_without_content_are_left_out() -> None:
    profile = TableProfile(table="clean/t", version=1, rows=90, bytes=9, columns=[column("x", numbers=numbers())])
    page = Page(page_of(profile))
    assert set(page.sections) == {"head", "columns"}
    assert "Nothing in it asks for attention" in page.sections["head"]


def test_an_empty_table_has_a_page() -> None:
    empty = column("x", rows=0, nulls=0, distinct=0, numbers=Numbers(count=0))
    Page(page_of(TableProfile(table="clean/t", version=1, rows=0, bytes=0, columns=[empty])))


def test_a_notebook_shows_the_page_in_an_iframe(tmp_path: Path) -> None:
    view = ProfileView(profile_of(HOSTILE), "page")
    frame = Page(view._repr_html_())
    [(tag, values)] = frame.tags
    assert tag == "iframe" and "sandbox" in values and values["srcdoc"] == view.html()
    view.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == view.html()
    assert view.column("y").name == "y" and "photo has 10 files" in " ".join(view.warnings)
    with pytest.raises(LakeError, match="Did you mean 'photo'"):
        view.column("foto")
