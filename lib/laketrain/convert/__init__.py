"""The fourth stage: a table becomes a Petastorm dataset in splits, moved in Arrow batches."""

from laketrain.convert.stage import convert, fingerprint_convert

__all__ = ["convert", "fingerprint_convert"]
