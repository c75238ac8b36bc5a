"""Compares laketrain with what its users have today, and with what would be ideal, in one run.

    python -m benchmarks                 # all, as tables; the last line is a JSON object by benchmark
    python -m benchmarks convert         # one; the last line is a JSON object of its ratios
    python -m benchmarks read --rows 20000 --pairs 5

Each benchmark is a module of this package with a `measure(options)`. README.md describes
what is compared, and how fairly.
"""

NAMES = ("convert", "convert_jpeg", "read", "read_jpeg", "train", "launch", "predict", "clean_read", "memory", "growth",
         "scaling")
"""What `python -m benchmarks` measures."""

ON_REQUEST = ("hdfs", "launches", "peers", "backends")
"""Those that take long, or need daemons, and are measured only where they are named."""
