"""The third stage: joins with their contract, partners in time, unions, histories and SQL, step by step."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.integrate.stage import fingerprint_integrate, integrate

__all__ = ["fingerprint_integrate", "integrate"]

__getattr__ = lazy_names(__name__, {
    "fingerprint_integrate": "laketrain.integrate.stage",
    "integrate": "laketrain.integrate.stage",
})
