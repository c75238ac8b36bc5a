"""Profiles of committed tables: statistics of the columns, correlations, and drift since the version before.

    from laketrain.profile.stage import profile       # computes with Spark, and commits `profiles/clean.pixels`
    from laketrain.profile.model import load_profile  # reads a profile without Spark
"""
