"""A table's profile as a self-contained HTML page, which a notebook shows too.

    html = page_of(profile)
    ProfileView(profile).column("label")          # in a notebook the view itself shows the page
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from laketrain.profile.model import ColumnProfile, TableProfile
from laketrain.report.environment import environment
from laketrain.report.profile.facts import facts_of


def page_of(profile: TableProfile) -> str:
    """The page as HTML. It loads nothing, runs no script, and escapes all values from data."""
    return environment().get_template("profile.html").render(it=facts_of(profile))


@dataclass(frozen=True)
class ProfileView:
    """A profile in a notebook.

    Attributes:
        profile: the numbers.
        page: the path of the page in the lake.
    """

    profile: TableProfile
    page: str

    def column(self, name: str) -> ColumnProfile:
        """The numbers of one column. Raises LakeError with the nearest name if there is no such column."""
        return self.profile.column(name)

    @property
    def warnings(self) -> list[str]:
        """What should be looked at before training."""
        return [warning.text for warning in self.profile.warnings]

    def html(self) -> str:
        """The page as HTML."""
        return page_of(self.profile)

    def save(self, path: str | Path) -> None:
        """Writes the page to a local file."""
        Path(path).write_text(self.html(), "utf-8")

    def _repr_html_(self) -> str:
        """The page in an iframe, so that its styles don't change the notebook."""
        return (f'<iframe sandbox srcdoc="{html.escape(self.html())}" '
                f'title="Profile of {html.escape(self.profile.ref)}" '
                'style="width: 100%; height: 640px; border: 0"></iframe>')
