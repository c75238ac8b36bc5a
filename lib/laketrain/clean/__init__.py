"""The second stage: declared rules change values, and send bad rows to quarantine with the reason."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.clean.rules.base import reject
    from laketrain.clean.stage import clean, fingerprint_clean

__all__ = ["clean", "fingerprint_clean", "reject"]

__getattr__ = lazy_names(__name__, {
    "clean": "laketrain.clean.stage",
    "fingerprint_clean": "laketrain.clean.stage",
    "reject": "laketrain.clean.rules.base",
})
