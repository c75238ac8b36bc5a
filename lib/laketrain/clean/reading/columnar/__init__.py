"""Parquet and ORC files: their footers, their columns' types, and how Spark or pyarrow reads them exactly."""
