"""One join and its contract: keys that are unique where they must be, and partnerless rows that are never just lost.

    joined, parted = join(left, right, contract, left_name="clean/pixels", right_name="clean/captures")
"""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.integrate import Join
from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record

_ROWS = "_rows"


def join(
    left: DataFrame, right: DataFrame, contract: Join, left_name: str, right_name: str
) -> tuple[DataFrame, list[DataFrame]]:
    """`left` with the columns of `right`, and the rows for quarantine (file, rule, reason, record), a frame a side.

    Raises DataError where a key that must be unique is not, or where a side whose partners are declared as complete
    ("fatal") has rows without one.
    """
    check_unique(right, contract, right_name)
    if contract.relation == "one-to-one":
        check_unique(left, contract, left_name)
    alone = {
        "left": (left, right, left_name, right_name, contract.unmatched.left),
        "right": (right, left, right_name, left_name, contract.unmatched.right),
    }
    parted = []
    for side, other, name, other_name, policy in alone.values():
        if policy in ("keep", "drop"):
            continue
        # A null key equals nothing, so its row has no partner; anti joins keep such rows, as they should here.
        lonely = side.join(other.select(*_columns(contract)).distinct(), contract.on, "left_anti")
        marked = _marked(lonely, side.columns, contract, name, other_name)
        if policy == "fatal":
            _refuse_any(marked, contract, name, other_name)
        else:
            parted.append(marked)
    how = "left" if contract.unmatched.left == "keep" else "inner"
    return left.join(right, contract.on, how), parted


def check_unique(frame: DataFrame, contract: Join, name: str) -> None:
    """Raises DataError naming some keys that more than one row of `frame` has."""
    keys = _columns(contract)
    known = reduce(and_, (key.isNotNull() for key in keys))
    repeated = frame.where(known).groupBy(*keys).agg(F.count("*").alias(_ROWS)).where(F.col(_ROWS) > 1)
    some = repeated.orderBy(F.desc(_ROWS), *keys).limit(3).collect()
    if some:
        shown = "; ".join(f"{', '.join(str(row[key]) for key in contract.on)} ({row[_ROWS]} rows)" for row in some)
        raise DataError("integrate", f"{contract.relation} join on {', '.join(contract.on)}",
                        f"the key is not unique in {name}: {shown}",
                        "add a 'unique' rule to its clean section, or aggregate it first")


def _marked(lonely: DataFrame, columns: list[str], contract: Join, name: str, other_name: str) -> DataFrame:
    reason = F.concat(F.lit(f"no partner in {other_name} for {', '.join(contract.on)} = "), _key(contract))
    return lonely.select(
        F.lit(name).alias("file"),
        F.lit(f"join({contract.table})").alias("rule"),
        reason.alias("reason"),
        record(columns).alias("record"),
    )


def _refuse_any(marked: DataFrame, contract: Join, name: str, other_name: str) -> None:
    some = marked.limit(3).collect()
    if some:
        raise DataError("integrate", f"join on {', '.join(contract.on)}",
                        f"{marked.count()} rows of {name} have no partner in {other_name}, e.g. {some[0]['reason']}",
                        "land what is missing, or set 'unmatched' to quarantine")


def _key(contract: Join) -> Column:
    return F.concat_ws(", ", *(F.coalesce(key.cast("string"), F.lit("null")) for key in _columns(contract)))


def _columns(contract: Join) -> list[Column]:
    return [F.col(quoted(key)) for key in contract.on]
