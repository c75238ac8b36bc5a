"""The manifest of versions in `integrated/`: integrate writes it."""

from __future__ import annotations

from laketrain.lake.manifests.base import Manifest


class IntegratedManifest(Manifest):
    """What integrate records next to the counts of its steps.

    Attributes:
        quarantine: the number of the version of `quarantine/<name>-joins` with the rejected rows.
    """

    quarantine: int | None = None
