"""A stage of one's own, as a plugin has it: the length of a text column. Texts that are too long are rejected."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from laketrain.config.base import Name, Section
from laketrain.errors import Problem, nearest
from laketrain.lake import Table, Version, fingerprint
from laketrain.lake.contents import found_files
from laketrain.lake.quarantine import check_balance, commit_quarantine, counts_by_rule
from laketrain.lake.version import made_of
from laketrain.stages import STAGES, RunContext, Stage, Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.workload import Workload


class Lengths(Section):
    """The section `lengths`."""

    table: Name
    column: str
    longest: int = 12


class LengthsStage(Stage):
    name, help, zone, after, section = "lengths", "Count the characters of a text.", "lengths", "integrate", Lengths

    def tables(self, workload: Workload) -> Sequence[str]:
        return [self.settings(workload).table]

    def problems(self, workload: Workload) -> Iterator[Problem]:
        table, tables = self.settings(workload).table, {*workload.clean, *workload.integrate}
        if table not in tables:
            yield Problem.at(("lengths", "table"), f"there is no table {table!r}", nearest(table, tables))

    def plan(self, run: RunContext, name: str) -> Work:
        config, table = self.settings(run.workload), run.table(name)
        key = fingerprint("lengths", 1, config, [table])
        return Work(key, lambda: lengths(run.spark, table, run.lake.table("lengths", name), config, key), [table])


def lengths(spark: SparkSession, table: Version, output: Table, config: Lengths, key: str) -> Version:
    from pyspark.sql import functions as F

    from laketrain.spark.frames import read, write

    started = time.monotonic()
    rows = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema)
    rows = rows.select(config.column, F.length(config.column).alias("length"))
    too_long = rows.where(F.col("length") > config.longest).select(
        F.lit(table.ref).alias("file"), F.lit("longest").alias("rule"), F.lit("is too long").alias("reason"),
        F.col(config.column).alias("record"))
    good = rows.where(F.col("length") <= config.longest)
    with output.stage() as draft:
        quarantine = commit_quarantine(
            output, [table], lambda target: write(too_long, target.url()), stage="lengths", fingerprint=key,
            table_schema=too_long.schema.json(), counts=counts_by_rule({("longest", table.ref): too_long.count()}))
        write(good, draft.url())
        files = found_files(output.lake.store, draft.path())
        rows_out = sum(file.rows or 0 for file in files)
        check_balance("lengths", f"table {output.name!r}", table.rows, rows_out, quarantine.rows)
        return draft.commit(
            stage="lengths", fingerprint=key, files=files, table_schema=good.schema.json(), **made_of(table),
            counts={"in": table.rows, "out": rows_out, "quarantined": quarantine.rows},
            meta={"quarantine": quarantine.number}, seconds=time.monotonic() - started)


STAGES.register(LengthsStage())
