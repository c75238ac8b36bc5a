"""The Spark session and small helpers over DataFrames."""
