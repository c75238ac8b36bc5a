"""Reads JSON: one record per line, or values that span lines."""
