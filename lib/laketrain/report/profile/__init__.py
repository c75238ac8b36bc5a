"""The profile of a table as an HTML page and in a notebook."""

from laketrain.report.profile.view import ProfileView, page_of

__all__ = ["ProfileView", "page_of"]
