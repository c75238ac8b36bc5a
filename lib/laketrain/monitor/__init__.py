"""Watches a model after its training: whether it is kept, or new data are reason to train again."""
