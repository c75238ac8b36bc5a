"""A parsed page: its sections, texts and tags. Badly nested tags fail."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """`sections` has the visible text by the section's id (`head` for the header); `tags` every tag with attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.sections: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.tags.append((tag, values))
        if tag not in VOID:
            self._open.append((tag, values.get("id", "head") if tag in ("section", "header") else ""))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        section = next((name for _, name in reversed(self._open) if name), None)
        if section is not None:
            self.sections[section] = " ".join([self.sections.get(section, ""), *data.split()]).strip()

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every such tag."""
        return [values for name, values in self.tags if name == tag]
