"""The manifest of reports in `runs/`: each run that changed something writes one."""

from __future__ import annotations

from laketrain.lake.manifests.base import Manifest


class ReportManifest(Manifest):
    """The run that a report is about.

    Attributes:
        failed: whether a stage raised an error.
        began: when the run began, in ISO 8601 with its zone.
    """

    failed: bool = False
    began: str = ""
