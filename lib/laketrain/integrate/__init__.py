"""The integrate stage: joins, as-of joins, unions, histories and SQL, in steps whose row counts are checked."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.integrate.stage import fingerprint_integrate, integrate

__all__ = ["fingerprint_integrate", "integrate"]

__getattr__ = lazy_names(__name__, {
    "fingerprint_integrate": "laketrain.integrate.stage",
    "integrate": "laketrain.integrate.stage",
})
