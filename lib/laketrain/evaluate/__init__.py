"""The sixth stage: the committed model on rows it never saw, beside baselines, before a gate."""

from laketrain.evaluate.gate import check_gate
from laketrain.evaluate.stage import evaluate, fingerprint_evaluate

__all__ = ["check_gate", "evaluate", "fingerprint_evaluate"]
