"""A table's profile as people look at it: a page that stands alone, and what a notebook's cell shows.

    html = page_of(profile)
    ProfileView(profile).column("label")          # in a notebook the view itself shows the page
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from laketrain.profile.model import ColumnProfile, TableProfile
from laketrain.report.environment import environment
from laketrain.report.profile_facts import facts_of


def page_of(profile: TableProfile) -> str:
    """The page; it loads nothing, runs no script, and escapes all that comes from data."""
    return environment().get_template("profile.html").render(it=facts_of(profile))


@dataclass(frozen=True)
class ProfileView:
    """A profile in a notebook.

    Attributes:
        profile: the numbers. page: where the page lies in the lake.
    """

    profile: TableProfile
    page: str

    def column(self, name: str) -> ColumnProfile:
        """The numbers of one column. Raises LakeError, naming the nearest, where there is none of that name."""
        return self.profile.column(name)

    @property
    def warnings(self) -> list[str]:
        """What one should look at before training."""
        return [warning.text for warning in self.profile.warnings]

    def html(self) -> str:
        """The page."""
        return page_of(self.profile)

    def save(self, path: str | Path) -> None:
        """Writes the page to a file of this machine."""
        Path(path).write_text(self.html(), "utf-8")

    def _repr_html_(self) -> str:
        """In a frame of its own, so that the page's styles stay there."""
        return (f'<iframe sandbox srcdoc="{html.escape(self.html())}" '
                f'title="Profile of {html.escape(self.profile.ref)}" '
                'style="width: 100%; height: 640px; border: 0"></iframe>')
