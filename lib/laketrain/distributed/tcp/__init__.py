"""Collectives of NumPy arrays over TCP connections between ranks: standard library and NumPy, nothing to compile."""
