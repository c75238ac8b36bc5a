"""The second stage: declared rules part the good rows from those that go to quarantine, with the reason."""

from laketrain.clean.rules.base import reject
from laketrain.clean.stage import clean, fingerprint_clean

__all__ = ["clean", "fingerprint_clean", "reject"]
