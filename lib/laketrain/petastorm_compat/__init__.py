"""Makes Petastorm 0.13.1, its last release, work with today's pyarrow, NumPy and PySpark.

    import laketrain.petastorm_compat

    laketrain.petastorm_compat.install()
    from petastorm import make_reader

laketrain itself doesn't need Petastorm. In the Python workers of its local Spark sessions `install` was called already.
"""

from laketrain.petastorm_compat.install import install

__all__ = ["install"]
