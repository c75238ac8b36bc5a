"""Python imports this in Spark's daemon of the ranks, so that the ranks that it forks have TensorFlow already.

Importing it takes a rank some five seconds, and each launch after a failed one has new ranks.
"""

import contextlib
import importlib
import os
import sys

if "LAKETRAIN_POOL" in os.environ and "laketrain.spark.daemon" in sys.orig_argv:
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    importlib.import_module("keras")
    with contextlib.suppress(ImportError):  # not installed: ranks connect by another backend
        importlib.import_module("horovod.tensorflow")
