"""The steps of one table, one after the other: rows in = rows out + rows that are accounted for, after each of them.

    with PersistedFrames() as kept:
        road = Road("digits", config, tables)
        road.walk(kept)
        road.table.frame, road.told, road.rejected
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from laketrain.config.integrate import AsOf, BaseStep, History, IntegrateTable, Join, Sql, Standing, Union
from laketrain.errors import DataError
from laketrain.integrate.as_of import as_of
from laketrain.integrate.base import Done, Side
from laketrain.integrate.history import history
from laketrain.integrate.join import join
from laketrain.integrate.sql import sql
from laketrain.integrate.union import union
from laketrain.lake.quarantine import check_balance
from laketrain.spark.persistence import PersistedFrames


class Road:
    """What the rows of one integrated table go through.

    table: the rows so far. told: what each step did, for the version's counts. rejected: rows for quarantine, computed.
    """

    def __init__(self, name: str, config: IntegrateTable, tables: Mapping[str, Side]) -> None:
        self.name = name
        self.table = tables[config.table]
        self.told: list[dict[str, Any]] = []
        self.rejected: list[DataFrame] = []
        self._config, self._tables = config, tables

    def walk(self, kept: PersistedFrames) -> None:
        """Takes every step. Raises DataError where one can't be taken, or loses or makes rows."""
        for number, step in enumerate(self._config.steps):
            here = self._standing()
            self._check(step, here)
            done = self._taken(step, here, kept)
            rejected, others = self._set_aside(done.rejected, kept), self._set_aside(done.others, kept)
            frame, rows = done.frame, done.rows
            if rows is None and number + 1 < len(self._config.steps):
                frame = kept.checkpoint(frame)
                rows = frame.count()
            told = {"step": step.label, "in": self.table.rows, "out": rows, "quarantined": rejected, **done.counts}
            if done.others is not None:
                told["other"] = {**told["other"], "quarantined": others}
            self.told.append(told)
            if rows is not None:
                self._settle(step, told, rows)
            self.table = Side(self.table.name, frame, -1 if rows is None else rows)

    def arrived(self, rows: int) -> None:
        """To be told how many rows were written. Raises DataError unless they are those that left the last step."""
        if not self.told:
            check_balance("integrate", f"table {self.name!r}", self.table.rows, rows, 0)
        elif self.told[-1]["out"] is None:
            self.told[-1]["out"] = rows
            self._settle(self._config.steps[-1], self.told[-1], rows)
        else:
            check_balance("integrate", f"table {self.name!r}", self.told[-1]["out"], rows, 0)

    def total(self, key: str) -> int:
        """The sum of one of the counts over all steps."""
        found = (told.get(key, 0) for told in self.told)
        return sum(sum(one.values()) if isinstance(one, dict) else one for one in found)

    def _taken(self, step: BaseStep, here: Standing, kept: PersistedFrames) -> Done:
        if isinstance(step, Join):
            return join(self.table, step, self._tables, kept)
        if isinstance(step, AsOf):
            return as_of(self.table, step, self._tables, kept)
        if isinstance(step, Union):
            return union(self.table, step, self._tables, here)
        if isinstance(step, History):
            return history(self.table, step, kept)
        assert isinstance(step, Sql)
        return sql(self.table, step, self.name)

    def _settle(self, step: BaseStep, told: dict[str, Any], rows: int) -> None:
        """The step's sum, and what it filtered, if it may."""
        came = told["in"] + sum(told.get("added", {}).values())
        if step.step == "sql":
            told["filtered"] = came - rows
            if rows > came:
                raise DataError("integrate", f"SQL step of {self.name!r}", f"made {rows} rows of {came}",
                                "a SQL step may select and filter; aggregate or explode in a source of its own")
            return
        check_balance("integrate", f"step {step.label} of {self.name!r}", came, rows,
                      told["quarantined"] + told.get("gathered", 0))

    def _standing(self) -> Standing:
        return Standing(self.name, self._config.table, dict(self.table.frame.dtypes),
                        lambda name: dict(self._tables[name].frame.dtypes))

    def _check(self, step: BaseStep, here: Standing) -> None:
        """What the config's check couldn't tell where columns and types are inferred from the data."""
        for _, problem, hint in step.problems(here):
            raise DataError("integrate", f"step {step.label} of {self.name!r}", problem, hint)

    def _set_aside(self, rejected: DataFrame | None, kept: PersistedFrames) -> int:
        if rejected is None:
            return 0
        aside = kept.persist_until_exit(rejected)
        self.rejected.append(aside)
        return aside.count()
