"""Reads XML: each element of one name is a record."""
