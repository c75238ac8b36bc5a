"""Convert, of JPEG files in a table to a dataset that stores JPEGs.

Decoding and encoding are most of the work on both sides, and the copy does neither: the ratios have no bar.
"""

from __future__ import annotations

from benchmarks import convert
from benchmarks.data import JPEGS
from benchmarks.options import Options
from benchmarks.result import Result

ROWS = 3_000


def measure(options: Options) -> Result:
    return convert.measure(options, JPEGS, ROWS).without_bars("convert_jpeg")
