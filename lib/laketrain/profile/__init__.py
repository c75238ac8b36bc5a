"""What a committed table looks like: its columns in numbers, what goes together, what drifted since the version before.

    from laketrain.profile.stage import profile       # Spark counts, and commits `profiles/clean.pixels`
    from laketrain.profile.model import load_profile  # anyone reads it again, without Spark
"""
