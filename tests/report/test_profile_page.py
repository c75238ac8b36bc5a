"""A profile's page says what its numbers say, needs nothing but itself, and shows as text whatever data holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version
from laketrain.profile.alerts import alerts_of
from laketrain.profile.drift import drift_between
from laketrain.profile.model import (
    FILE,
    PAGE,
    ColumnProfile,
    Correlations,
    Images,
    Numbers,
    TableProfile,
    Value,
)
from laketrain.profile.store import fingerprint_profile, profiles_of
from laketrain.report.bars import bars
from laketrain.report.page import render
from laketrain.report.profile import ProfileView, page_of
from laketrain.report.profile_facts import said_number
from laketrain.report.profile_terminal import print_profile, sparkline

from .lakes import Built, build, workload
from .reading import Page

HOSTILE = '<script>alert(1)</script>" onload="x'


def numbers(**more: object) -> Numbers:
    return Numbers.model_validate({
        "count": 90, "least": 0.0, "most": 4.0, "mean": 1.5, "std": 1.25, "exact": True,
        "quantiles": {"0.05": 0.0, "0.5": 1.0, "0.99": 4.0},
        "histogram": {"edges": [0.0, 1.0, 2.0, 4.0], "counts": [60, 0, 30]}, **more})


def column(name: str, kind: str = "number", **more: object) -> ColumnProfile:
    types = {"number": "double", "text": "string", "binary": "binary"}
    return ColumnProfile.model_validate({"name": name, "type": types[kind], "kind": kind, "rows": 100, "nulls": 10,
                                         "distinct": 60, "distinct_exact": False, **more})


def profile_of(word: str = "calm", version: int = 2) -> TableProfile:
    values = [Value(value=word, rows=89), Value(value=f"{word} rare", rows=1)]
    images = Images(readable=80, unreadable=10, width=numbers(), height=numbers(),
                    formats=[Value(value="PNG", rows=80)], colours=[], sizes=[Value(value="8 × 6", rows=80)],
                    reasons=[Value(value="is empty", rows=10)])
    columns = [column(f"x {word}", numbers=numbers(nan=3)), column("y", numbers=numbers()),
               column(f"label {word}", "text", distinct=2, distinct_exact=True, values=values, complete=True,
                      imbalance=89.0, lengths=numbers(), words=numbers()),
               column("photo", "binary", lengths=numbers(), images=images)]
    together = Correlations(columns=[f"x {word}", "y"], r=[[1.0, -0.995], [-0.995, 1.0]], left_out={word: "too many"})
    profile = TableProfile(table="clean/shapes", version=version, rows=100, bytes=1234, columns=columns,
                           correlations=together)
    before = profile.model_copy(update={"version": 1, "rows": 60, "columns": [
        columns[2].model_copy(update={"values": [Value(value="fox", rows=90)], "nulls": 10}), column(f"z {word}")]})
    profile = profile.model_copy(update={"drift": drift_between(before, profile)})
    return profile.model_copy(update={"warnings": alerts_of(profile)})


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(page_of(profile_of()))


def commit_profile(table: Version, profile: TableProfile) -> Version:
    with profiles_of(table).stage() as draft:
        table.lake.store.write(draft.path(FILE), profile.model_dump_json().encode())
        table.lake.store.write(draft.path(PAGE), page_of(profile).encode())
        return draft.commit(stage="profile", fingerprint=fingerprint_profile(table),
                            parents={table.table: table.number})


@pytest.mark.parametrize(("section", "said"), [
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
def test_a_section_says_what_the_numbers_say(page: Page, section: str, said: list[str]) -> None:
    assert [text for text in said if text not in page.sections[section]] == []


def test_the_page_needs_nothing_but_itself(page: Page) -> None:
    assert page.of("script") == page.of("iframe") == []
    assert not [name for _, values in page.tags for name in values if name in ("src", "srcset", "action", "onload")]
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert "http:" not in page.html and "https:" not in page.html and "@import" not in page.html
    [policy] = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy


def test_whoever_does_not_see_it_is_told(page: Page) -> None:
    assert all(drawing["aria-label"] for drawing in page.of("svg"))
    assert all(cell["scope"] in ("row", "col") for cell in page.of("th"))
    ids = Counter(values["id"] for _, values in page.tags if "id" in values)
    assert max(ids.values()) == 1


def test_what_data_says_is_never_markup() -> None:
    page = Page(page_of(profile_of(HOSTILE)))
    assert "<script" not in page.html.lower()
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    assert all("<script>" in page.sections[section] for section in ("head", "drift", "columns", "correlations"))


def test_a_profile_without_drift_correlations_or_warnings_leaves_them_out() -> None:
    plain = TableProfile(table="clean/t", version=1, rows=90, bytes=9, columns=[column("x", numbers=numbers())])
    page = Page(page_of(plain))
    assert set(page.sections) == {"head", "columns"}
    assert "Nothing in it asks for attention" in page.sections["head"]


def test_an_empty_table_has_a_page() -> None:
    empty = column("x", rows=0, nulls=0, distinct=0, numbers=Numbers(count=0))
    Page(page_of(TableProfile(table="clean/t", version=1, rows=0, bytes=0, columns=[empty])))


def test_a_histogram_has_a_bar_an_interval_that_holds_anything() -> None:
    drawn = Page(bars([60, 0, 1], ["a", "b", HOSTILE], "alt"))
    heights = [float(bar["height"]) for bar in drawn.of("rect")]
    assert len(heights) == 2 and heights[0] == 64 and heights[1] == 1.5
    assert sparkline([60, 0, 1]) == "█ ▁" and sparkline([]) == ""


@pytest.mark.parametrize(("value", "kind", "said"), [
    (3.0, "number", "3"), (12345.678, "number", "12,346"), (0.00012345, "number", "0.0001234"), (None, "number", "–"),
    (1e300, "number", "1e+300"), (1772323200.0, "time", "2026-03-01"), (1772323261.5, "time", "2026-03-01 00:01:01"),
    (1e15, "time", "1e+15 s since 1970")])
def test_numbers_and_times_are_said_in_few_figures(value: float | None, kind: str, said: str) -> None:
    assert said_number(value, kind) == said


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(tmp_path: Path) -> None:
    view = ProfileView(profile_of(HOSTILE), "page")
    frame = Page(view._repr_html_())
    [(tag, values)] = frame.tags
    assert tag == "iframe" and "sandbox" in values and values["srcdoc"] == view.html()
    view.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == view.html()
    assert view.column("y").name == "y" and "photo has 10 files" in " ".join(view.warnings)
    with pytest.raises(LakeError, match="Did you mean 'photo'"):
        view.column("foto")


def test_the_terminal_tells_a_line_a_column_and_what_to_look_at() -> None:
    console = Console(width=150, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    print_profile(ProfileView(profile_of("[red]\x1b"), "lake/profile.html"), console)
    said = " ".join(console.export_text().split())
    for text in ("clean/shapes@2: 100 rows", "10.0 % ~60 0 1 4 █ ▄", "! x [red]� has 3 NaN", "page: lake/profile.html",
                 "drift since clean/shapes@1: label [red]� strong", "rows 60 → 100 rows"):
        assert text in said, text


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return build(tmp_path)


def test_the_report_of_a_run_tells_the_warnings_and_where_the_page_is(built: Built) -> None:
    found = commit_profile(built.version("clean"), profile_of())
    section = Page(render(built.lake, built.record)).sections["profiles"]
    assert "clean/pixels@1" in section and "x calm has 3 NaN" in section
    assert str(built.lake.store.local(found.path(PAGE))) in section


def test_the_report_says_where_a_profile_is_missing_and_nothing_where_none_is_wanted(built: Built) -> None:
    assert "has no profile" in Page(render(built.lake, built.record)).sections["profiles"]
    record = replace(built.record, workload=workload(built.lake.url, profile=False))
    assert "profiles" not in Page(render(Lake(built.lake.url), record)).sections
