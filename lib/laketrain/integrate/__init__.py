"""The third stage: joins with their contract, partners in time, unions, histories and SQL, step by step."""

from laketrain.integrate.stage import fingerprint_integrate, integrate

__all__ = ["fingerprint_integrate", "integrate"]
