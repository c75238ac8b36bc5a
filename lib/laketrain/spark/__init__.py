"""The Spark session, helpers for DataFrames, and Spark's errors as laketrain's."""

import warnings

# PySpark 4.2 warns of pandas 3 when it is imported. laketrain passes Arrow to it, not pandas.
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning, r"pyspark\.testing")
