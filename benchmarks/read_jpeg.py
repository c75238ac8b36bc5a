"""Read, of images that are stored as JPEGs: ours and Petastorm's decode each one in every epoch.

Decoding is most of the work on both sides, and the scan does none of it: the ratios have no bar.
"""

from __future__ import annotations

from benchmarks import read
from benchmarks.data import JPEGS
from benchmarks.options import Options
from benchmarks.result import Result

ROWS = 3_000
# Rows are fifty times as large: fewer of them, so that data larger than the window are made quickly.
SHUFFLE = read.Shuffle(window_mb=192, buffer=256)


def measure(options: Options) -> Result:
    return read.measure(options, JPEGS, ROWS, SHUFFLE).without_bars("read_jpeg")
