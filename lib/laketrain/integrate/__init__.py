"""The third stage: joins with their contract, then a SQL step."""

from laketrain.integrate.stage import fingerprint_integrate, integrate

__all__ = ["fingerprint_integrate", "integrate"]
