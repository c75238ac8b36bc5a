"""Spark SQL in a config, checked before Spark starts: queries, types, and which types hold which."""
