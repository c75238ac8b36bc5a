"""The manifest of versions in `profiles/`: profile writes it. The profile itself is a file of the version."""

from __future__ import annotations

from laketrain.lake.manifests.base import Manifest


class ProfileManifest(Manifest):
    """The version that a profile was compared with.

    Attributes:
        against: the number of that version of the table; None for the first profile of a table.
    """

    against: int | None = None
