"""What a stage records in `entry.meta` for later stages, as typed models: a file for each zone."""

from laketrain.lake.manifests.base import Manifest
from laketrain.lake.manifests.raw import RawManifest

__all__ = ["Manifest", "RawManifest"]
