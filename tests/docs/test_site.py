"""The site's navigation: every page of docs/ is listed in index.md, once, in a section."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def navigation() -> str:
    """The hidden tables of contents that `make docs` adds to the index."""
    spec = importlib.util.spec_from_file_location("docs_conf", DOCS / "conf.py")
    assert spec is not None and spec.loader is not None
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    text: str = conf.navigation((DOCS / "index.md").read_text("utf-8"))
    return text


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"^[\w-]+/[\w-]+$", navigation(), re.MULTILINE)
    pages = [str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md") if path.parent != DOCS]
    assert sorted(listed) == sorted(pages)


def test_each_section_of_the_navigation_has_one_folder() -> None:
    for section in navigation().split("```{toctree}")[1:]:
        assert len(set(re.findall(r"^([\w-]+)/", section, re.MULTILINE))) == 1, section


def test_the_site_needs_nothing_from_other_hosts() -> None:
    """Links may be external; images, scripts and fonts are files of the site."""
    for page in DOCS.rglob("*.md"):
        assert not re.search(r"!\[[^\]]*\]\(https?:|<(?:script|img|link)\b", page.read_text("utf-8")), page


def test_every_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / target).resolve() for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
             for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8"))}
    assert set((DOCS / "images").iterdir()) <= shown
