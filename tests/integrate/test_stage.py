"""Steps of all kinds in one table: each finds what the one before left, and the counts add up over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conftest import Integrate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VISITS = [{"id": n, "who": who, "day": n % 5, "code": f"c{n}"} for n, who in enumerate("aabbbcdx")]
OLDER = [{"id": 100 + n, "who": who, "day": n, "code": f"o{n}"} for n, who in enumerate("axc")]
PEOPLE = [{"who": who, "born": 1950 + n} for n, who in enumerate("abcq")]
TABLES = {"visits": (VISITS, "id int, who string, day int, code string"),
          "older": (OLDER, "id int, who string, day int, code string"),
          "people": (PEOPLE, "who string, born int"),
          "fees": ([{"day": 1, "fee": 10}, {"day": 3, "fee": 30}], "day int, fee int")}


def test_a_table_may_be_integrated_alone(integrate: Integrate):
    result = integrate([], TABLES)
    assert sorted(result.rows, key=str) == sorted(VISITS, key=str)
    assert (result.refused, result.steps) == ([], [])
    assert (result.counts["in"], result.counts["out"]) == (8, 8)


def test_the_counts_add_up_over_steps_of_all_kinds(integrate: Integrate):
    result = integrate([
        {"union": {"tables": ["older"]}},
        {"join": {"table": "people", "on": ["who"], "relation": "many-to-one", "unmatched": {"left": "quarantine"}}},
        {"sql": "SELECT * FROM digits WHERE id <> 1"},
        {"as_of": {"table": "fees", "time": "day", "unmatched": {"left": "quarantine"}}},
        {"history": {"by": ["who"], "order": "day", "columns": ["code", "fee"], "last": 10}},
    ], TABLES)
    # 8 visits and 3 older ones; d and two x are nobody; id 1 is filtered; days 0 have no fee yet.
    assert result.has("who", "code", "fee") == [
        ("b", ["c2", "c3", "c4"], [10, 30, 30]), ("c", ["o2"], [10])]
    counts = result.counts
    assert [(step["step"], step["in"], step["out"]) for step in result.steps] == [
        ("union(older)", 8, 11), ("join(people)", 11, 8), ("sql", 8, 7), ("as_of(fees)", 7, 4),
        ("history(who)", 4, 2)]
    assert counts["in"] + counts["added"] == (
        counts["out"] + counts["quarantined"] + counts["filtered"] + counts["gathered"])
    assert counts["reasons"] == {"as_of(fees) from clean/visits": 3, "join(people) from clean/visits": 3}
    assert counts["tables"] == {"visits": 8, "older": 3, "people": 4, "fees": 2}
    assert set(result.version.entry.parents) == {"clean/visits", "clean/older", "clean/people", "clean/fees"}


def test_the_same_steps_make_the_same_rows_however_the_work_is_cut(integrate: Integrate, spark: SparkSession):
    steps = [{"as_of": {"table": "fees", "time": "day", "unmatched": {"left": "keep"}}},
             {"history": {"by": ["who"], "order": "day", "columns": ["code", "fee"], "last": 2}}]
    first = integrate(steps, TABLES)
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        second = integrate(steps, TABLES, name="again")
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "2")
    assert first.has("who", "code", "fee") == second.has("who", "code", "fee")
