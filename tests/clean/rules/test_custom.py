"""A user's function may change the columns that it names, but not the set of rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.clean import fingerprint_clean
from laketrain.config.clean import CleanTable
from laketrain.errors import DataError

from ...tables import clean_files, ingest_files, source_of
from .cases import judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CODE = '''
from pyspark.sql import functions as F
from laketrain.clean import reject

def double(frame, by=2):
    return frame.withColumn("x", F.col("x") * by)

def split(frame):
    return frame.withColumn("half", F.col("x") / 2).drop("y")

def odd(frame):
    return reject(frame, "odd", F.col("x") % 2 == 1, F.lit("is odd"))

def count_others(frame):
    assert frame.where("_reject IS NOT NULL").isEmpty()
    return frame

def drops_rows(frame):
    return frame.where("x > 1")

def swaps_rows(frame):
    some = frame.where("x > 1")
    return some.union(some.limit(1))

def retypes(frame):
    return frame.withColumn("x", F.col("x").cast("string"))

def hides(frame):
    return frame.drop("_record")

def fails(frame):
    raise KeyError("no such thing")

def forgets(frame):
    frame.count()
'''


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mended_by_me.py"
    path.write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mended_by_me", raising=False)
    return path


def rule(name: str, **settings: Any) -> dict[str, Any]:
    return {"function": {"call": f"mended_by_me:{name}", **settings}}


ROWS = [(1, "a"), (2, "b"), (3, "c"), (99, "d")]
SCHEMA = "x int, y string"
BELOW = {"range": {"column": "x", "max": 10}}


def test_a_function_changes_the_good_rows(spark: SparkSession):
    rows = judge(spark, [BELOW, rule("double", options={"by": 3})], ROWS, SCHEMA)
    assert [row["x"] for row in rows] == [3, 6, 9, 99]
    assert [row["rule"] for row in rows] == [None, None, None, "range(x)"]


def test_a_function_adds_and_drops_the_columns_that_it_names(spark: SparkSession):
    rows = judge(spark, [BELOW, rule("split", adds={"half": "double"}, drops=["y"])], ROWS, SCHEMA)
    assert [(row["x"], row["half"]) for row in rows] == [(1, 0.5), (2, 1.0), (3, 1.5), (99, None)]
    assert "y" not in rows[0]


def test_a_function_marks_rows(spark: SparkSession):
    rows = judge(spark, [rule("odd"), rule("count_others")], ROWS[:3], SCHEMA)
    assert [(row["rule"], row["reason"]) for row in rows] == [("odd", "is odd"), (None, None), ("odd", "is odd")]


def test_a_function_changes_the_type_that_it_names(spark: SparkSession):
    rows = judge(spark, [rule("retypes", adds={"x": "string"})], ROWS[:1], SCHEMA)
    assert rows[0]["x"] == "1"


BROKEN = {
    # function, settings, message, hint
    "rows lost": ("drops_rows", {}, "returned 3 rows of 4", "mark bad ones with laketrain.clean.reject"),
    "rows swapped": ("swaps_rows", {}, "returned as many rows, but other ones", "no row twice"),
    "a column too many": ("split", {}, "lost y and made half, expected the columns",
                          "name the change in adds and drops"),
    "a type changed": ("retypes", {}, "made 'x' string, expected int", "adds: {x: string}"),
    "a technical column lost": ("hides", {}, "lost _record", "hand all columns on"),
    "an exception": ("fails", {}, "raised KeyError: 'no such thing'", "mended_by_me.py, line"),
    "a wrong option": ("double", {"options": {"bye": 2}}, "raised TypeError", "line"),
    "nothing returned": ("forgets", {}, "returned NoneType, expected a DataFrame", "return frame"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_function_that_breaks_the_contract_is_reported(spark: SparkSession, name: str):
    function, settings, message, hint = BROKEN[name]
    with pytest.raises(DataError) as caught:
        judge(spark, [rule(function, **settings)], ROWS, SCHEMA)
    assert caught.value.subject == f"function(mended_by_me:{function})"
    assert message in caught.value.problem
    assert hint in caught.value.hint


def test_a_module_that_cannot_be_imported_is_reported(spark: SparkSession, module: Path):
    module.write_text(CODE + "\nraise RuntimeError('no licence')\n")
    with pytest.raises(DataError, match="can't be imported: RuntimeError: no licence"):
        judge(spark, [rule("double")], ROWS, SCHEMA)


def test_the_counts_hold_with_a_function(spark: SparkSession, tmp_path: Path):
    result = clean_files(spark, tmp_path, {"a.csv": "id,x\na,1\nb,2\nc,x\n"}, columns={"id": "string", "x": "string"},
                         rules=[{"cast": {"column": "x", "to": "int"}}, rule("odd")])
    assert result.version.entry.counts == {"in": 3, "out": 1, "quarantined": 2, "reasons": {"cast(x)": 1, "odd": 1}}


def test_a_changed_function_makes_the_table_again(tmp_path: Path, module: Path):
    source = source_of(tmp_path / "landing", {"x": "string"})
    raw = ingest_files(tmp_path, {"a.csv": "x\n1\n"}, source)
    table = CleanTable.model_validate({"rules": [rule("double")]})
    before = fingerprint_clean(raw, table, source)
    assert fingerprint_clean(raw, table, source) == before
    module.write_text(CODE.replace("* by", "* by + 1"))
    assert fingerprint_clean(raw, table, source) != before
