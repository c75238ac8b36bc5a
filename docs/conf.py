"""Sphinx's settings for `make docs`. The navigation is the list of pages in index.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

project = "laketrain"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
highlight_language = "text"
smartquotes = False
html_theme = "furo"
html_title = "laketrain"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def navigation(index: str) -> str:
    """A hidden table of contents for each section of index.md, with the section's links in their order."""
    contents = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        pages = re.findall(r"\]\(([\w/-]+)\.md\)", section)
        contents.append("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"]))
    return "\n\n".join(contents)


def _read_source(app: Any, name: str, source: list[str]) -> None:
    """Adds the navigation to the index, and names files outside docs/ in words: the site doesn't contain them."""
    folder = (ROOT / "docs" / name).parent

    def inside(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        return match[0] if (ROOT / "docs") in target.parents else f"{match[1]} (`{target.relative_to(ROOT)}`)"

    source[0] = re.sub(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#\s]+)(?:#[^)]*)?\)", inside, source[0])
    if name == "index":
        source[0] += "\n" + navigation(source[0])


def setup(app: Any) -> None:
    """Connects the reader of sources."""
    app.connect("source-read", _read_source)
