"""Runs the steps of one table. After each step, rows in = rows out + rows that are accounted for.

    with PersistedFrames() as frames:
        runner = StepRunner("digits", config, tables)
        runner.run(frames)
        runner.table.frame, runner.counts, runner.rejected
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from laketrain.config.integrate import AsOf, BaseStep, History, IntegrateTable, Join, Sql, StepContext, Union
from laketrain.errors import DataError
from laketrain.integrate.as_of import as_of
from laketrain.integrate.base import StepResult, TableRows
from laketrain.integrate.history import history
from laketrain.integrate.join import join
from laketrain.integrate.sql import sql
from laketrain.integrate.union import union
from laketrain.lake.quarantine import check_balance
from laketrain.spark.persistence import PersistedFrames


class StepRunner:
    """Applies the steps of one integrated table in order.

    Attributes:
        table: the rows after the steps so far.
        counts: what each step did, for the version's entry.
        rejected: rows for quarantine, computed.
    """

    def __init__(self, name: str, config: IntegrateTable, tables: Mapping[str, TableRows]) -> None:
        self.name = name
        self.table = tables[config.table]
        self.counts: list[dict[str, Any]] = []
        self.rejected: list[DataFrame] = []
        self._config, self._tables = config, tables

    def run(self, frames: PersistedFrames) -> None:
        """Applies every step. Raises DataError where one can't be applied, or where its counts don't add up."""
        for number, step in enumerate(self._config.steps):
            context = self._context()
            self._check(step, context)
            result = self._apply(step, context, frames)
            rejected, others = self._add_rejected(result.rejected, frames), self._add_rejected(result.others, frames)
            frame, rows = result.frame, result.rows
            if rows is None and number + 1 < len(self._config.steps):
                frame = frames.checkpoint(frame)
                rows = frame.count()
            counts = {"step": step.label, "in": self.table.rows, "out": rows, "quarantined": rejected, **result.counts}
            if result.others is not None:
                counts["other"] = {**counts["other"], "quarantined": others}
            self.counts.append(counts)
            if rows is not None:
                self._check_counts(step, counts, rows)
            self.table = TableRows(self.table.name, frame, -1 if rows is None else rows)

    def check_written(self, rows: int) -> None:
        """Raises DataError unless the number of written rows is that after the last step."""
        if not self.counts:
            check_balance("integrate", f"table {self.name!r}", self.table.rows, rows, 0)
        elif self.counts[-1]["out"] is None:
            self.counts[-1]["out"] = rows
            self._check_counts(self._config.steps[-1], self.counts[-1], rows)
        else:
            check_balance("integrate", f"table {self.name!r}", self.counts[-1]["out"], rows, 0)

    def total(self, key: str) -> int:
        """The sum of one of the counts over all steps."""
        values = (counts.get(key, 0) for counts in self.counts)
        return sum(sum(value.values()) if isinstance(value, dict) else value for value in values)

    def _apply(self, step: BaseStep, context: StepContext, frames: PersistedFrames) -> StepResult:
        if isinstance(step, Join):
            return join(self.table, step, self._tables, frames)
        if isinstance(step, AsOf):
            return as_of(self.table, step, self._tables, frames)
        if isinstance(step, Union):
            return union(self.table, step, self._tables, context)
        if isinstance(step, History):
            return history(self.table, step, frames)
        assert isinstance(step, Sql)
        return sql(self.table, step, self.name)

    def _check_counts(self, step: BaseStep, counts: dict[str, Any], rows: int) -> None:
        """Checks the step's sum. Rows that are missing after a SQL step count as filtered."""
        expected = counts["in"] + sum(counts.get("added", {}).values())
        if step.step == "sql":
            counts["filtered"] = expected - rows
            if rows > expected:
                raise DataError("integrate", f"SQL step of {self.name!r}", f"made {rows} rows of {expected}",
                                "a SQL step may select and filter; aggregate or explode in a source of its own")
            return
        check_balance("integrate", f"step {step.label} of {self.name!r}", expected, rows,
                      counts["quarantined"] + counts.get("gathered", 0))

    def _context(self) -> StepContext:
        return StepContext(self.name, self._config.table, dict(self.table.frame.dtypes),
                        lambda name: dict(self._tables[name].frame.dtypes))

    def _check(self, step: BaseStep, context: StepContext) -> None:
        """Repeats the config's check, now that the columns and types of inferred tables are known."""
        for problem in step.problems(context):
            raise DataError("integrate", f"step {step.label} of {self.name!r}", problem.problem, problem.hint)

    def _add_rejected(self, rejected: DataFrame | None, frames: PersistedFrames) -> int:
        if rejected is None:
            return 0
        computed = frames.persist_until_exit(rejected)
        self.rejected.append(computed)
        return computed.count()
