"""Starts ranks as a Spark barrier stage, and supervises them from the driver."""
