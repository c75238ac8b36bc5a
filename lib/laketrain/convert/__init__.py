"""The convert stage: makes a Petastorm dataset in splits from a table, in Arrow batches."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.convert.stage import convert, fingerprint_convert

__all__ = ["convert", "fingerprint_convert"]

__getattr__ = lazy_names(__name__, {
    "convert": "laketrain.convert.stage",
    "fingerprint_convert": "laketrain.convert.stage",
})
