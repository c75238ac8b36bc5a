"""Collectives between ranks: averages, sums and broadcasts, the dtypes they travel in, and JSON values."""
