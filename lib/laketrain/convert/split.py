"""Which split a row belongs to and where it stands in it: functions of its key and the seed alone.

    place = int(md5(f"{seed}:split:{key}")[:8], 16) / 2**32, compared with the cumulated fractions

So rows of one key never part, a rerun agrees, and anyone can recompute it in any language. MD5 because Spark has it
built in and its bits are even; nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column

SPLIT, ORDER = "_split", "_order"
_HEX_DIGITS = 8
_SPAN = 16**_HEX_DIGITS


def thresholds(fractions: Mapping[str, float]) -> list[int]:
    """Upper ends, exclusive, of the splits' intervals in [0, 2**32); the last is the whole span."""
    ends = [round(part * _SPAN) for part in accumulate(fractions.values())]
    return [*ends[:-1], _SPAN]


def split_of(by: str, fractions: Mapping[str, float], seed: int) -> Column:
    """The index of each row's split among `fractions`; a null key counts as the text 'null'."""
    from pyspark.sql import functions as F

    place = F.conv(F.substring(_digest(by, seed, "split"), 1, _HEX_DIGITS), 16, 10).cast("bigint")
    index = F.lit(len(fractions) - 1)
    for number, end in reversed(list(enumerate(thresholds(fractions)))):
        index = F.when(place < end, F.lit(number)).otherwise(index)
    return index.cast("int")


def order_of(by: str, seed: int) -> Column:
    """A text by which to sort rows into an order that looks random and is always the same."""
    return _digest(by, seed, "order")


def _digest(by: str, seed: int, purpose: str) -> Column:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import quoted

    key = F.coalesce(F.col(quoted(by)).cast("string"), F.lit("null"))
    return F.md5(F.concat(F.lit(f"{seed}:{purpose}:"), key).cast("binary"))
