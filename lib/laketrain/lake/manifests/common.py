"""The keys that mean the same in every zone, also in those of plugins' stages: the report and `laketrain show` read
them."""

from __future__ import annotations

from typing import Any

from laketrain.lake.manifests.base import Manifest


class CommonManifest(Manifest):
    """A stage of a plugin may record any JSON under these keys, so readers check the values.

    Attributes:
        quarantine: the number of the version of its quarantine with the rows that it rejected.
        metrics: numbers by name, which `laketrain show` lists.
    """

    quarantine: Any = None
    metrics: Any = None
