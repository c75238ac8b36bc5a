"""The Spark session, helpers for DataFrames, and Spark's errors as laketrain's."""
