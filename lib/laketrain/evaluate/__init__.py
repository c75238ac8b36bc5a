"""The sixth stage: measures the model on held-out rows, compares it with baselines, and checks the gate."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.evaluate.gate import check_gate
    from laketrain.evaluate.stage import evaluate, fingerprint_evaluate

__all__ = ["check_gate", "evaluate", "fingerprint_evaluate"]

__getattr__ = lazy_names(__name__, {
    "check_gate": "laketrain.evaluate.gate",
    "evaluate": "laketrain.evaluate.stage",
    "fingerprint_evaluate": "laketrain.evaluate.stage",
})
