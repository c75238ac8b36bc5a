"""Applies rules to rows, for tests: each row's values, rule and reason.

    rows = judge(spark, [{"trim": {"columns": ["x"]}}], [(" a ",)], "x string")      # [{"x": "a", "rule": None, …}]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import TypeAdapter

from laketrain.config.clean import Rule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from laketrain.clean.rules import RuleContext

RULE: TypeAdapter[Any] = TypeAdapter(Rule)


@dataclass(frozen=True)
class Case:
    """Rules, and rows of the columns of `schema`, all in one file unless `files` names one a row."""

    rules: Sequence[Mapping[str, Any]]
    schema: str
    rows: Sequence[tuple[Any, ...]]
    files: Sequence[str] | None = None

    def frame(self, spark: SparkSession) -> DataFrame:
        """The rows with `_row`, their number, and the columns that reading adds."""
        from pyspark.sql import functions as F
        from pyspark.sql import types as T

        from laketrain.clean.reading import FILE, RECORD, REJECT
        from laketrain.spark.frames import record

        from ...tables import arrow_schema

        files = self.files or ["a.csv"] * len(self.rows)
        schema = T.StructType.fromDDL(f"_row int, {FILE} string, {self.schema}")
        rows = [dict(zip(schema.names, (row, file, *values), strict=True))
                for row, (file, values) in enumerate(zip(files, self.rows, strict=True))]
        # Spark makes a local relation from an Arrow table: no task runs for it.
        frame = spark.createDataFrame(pa.Table.from_pylist(rows, schema=arrow_schema(schema)), schema)
        frame = frame.withColumn(RECORD, record(schema.names[2:]))
        return frame.withColumn(REJECT, F.lit(None).cast("struct<rule:string,reason:string>"))

    def judged(self, spark: SparkSession, number: int, context: RuleContext) -> DataFrame:
        """case, row, values as JSON, rule, reason; the last two null where the row is good."""
        from pyspark.sql import functions as F

        from laketrain.clean.reading import FILE, RECORD, REJECT
        from laketrain.clean.rules import apply
        from laketrain.spark.frames import quoted

        frame = apply([RULE.validate_python(rule) for rule in self.rules], self.frame(spark), context)
        columns = [name for name in frame.columns if name not in ("_row", FILE, RECORD, REJECT)]
        values = F.to_json(F.struct(*(F.col(quoted(name)) for name in columns)), {"ignoreNullFields": "false"})
        return frame.select(F.lit(number), "_row", values.alias("_values"), f"{REJECT}.rule", f"{REJECT}.reason")


def judge_all(
    spark: SparkSession, cases: Sequence[Case], context: RuleContext | None = None
) -> list[list[dict[str, Any]]]:
    """The rows of each case after the rules, in their order, with `rule` and `reason`. One query for all cases."""
    from laketrain.clean.rules import RuleContext
    from laketrain.spark.frames import SESSION_CONF, configured

    with configured(spark, SESSION_CONF), context or RuleContext() as context:
        collected = reduce(lambda union, frame: union.union(frame),
                           [case.judged(spark, number, context) for number, case in enumerate(cases)]).collect()
    judged: list[list[dict[str, Any]]] = [[] for _ in cases]
    for number, _, values, rule, reason in sorted(collected, key=lambda row: (row[0], row[1])):
        judged[number].append(json.loads(values) | {"rule": rule, "reason": reason})
    return judged


def judge(
    spark: SparkSession, rules: Sequence[Mapping[str, Any]], rows: Sequence[tuple[Any, ...]], schema: str,
    files: Sequence[str] | None = None, context: RuleContext | None = None,
) -> list[dict[str, Any]]:
    """Like `judge_all`, for one case; `context` collects what the rules fitted."""
    [judged] = judge_all(spark, [Case(rules, schema, rows, files)], context)
    return judged
