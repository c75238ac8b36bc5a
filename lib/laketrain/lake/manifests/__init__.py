"""What a stage records in `entry.meta` for later stages, as typed models: a file for each zone."""

from laketrain.lake.manifests.base import Manifest
from laketrain.lake.manifests.checkpoint import CheckpointManifest
from laketrain.lake.manifests.clean import CleanManifest
from laketrain.lake.manifests.common import CommonManifest
from laketrain.lake.manifests.dataset import DatasetManifest
from laketrain.lake.manifests.evaluation import EvaluationManifest
from laketrain.lake.manifests.integrated import IntegratedManifest
from laketrain.lake.manifests.model import ModelManifest
from laketrain.lake.manifests.predictions import PredictionsManifest
from laketrain.lake.manifests.profile import ProfileManifest
from laketrain.lake.manifests.raw import RawManifest
from laketrain.lake.manifests.report import ReportManifest

__all__ = ["CheckpointManifest", "CleanManifest", "CommonManifest", "DatasetManifest", "EvaluationManifest",
           "IntegratedManifest", "Manifest", "ModelManifest", "PredictionsManifest", "ProfileManifest", "RawManifest",
           "ReportManifest"]
