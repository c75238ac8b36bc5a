"""CSV files: where their records begin and end, which of them Spark's reader parses correctly, and their rows."""
