"""The second look at a table's rows, when their ends are known: how numbers are spread, which values are frequent, what
goes together.

    task = DetailTask(plans, asked, compared)
    frame.mapInArrow(partial(second_look, task.to_json()), RESULT_SCHEMA)

Only what the first look left open is asked for; a table of which it knows all is not read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.profile.series import binned
from laketrain.profile.tally import Batch, ColumnPlan, labeller, result_of
from laketrain.profile.together import Pairs, scaled
from laketrain.profile.values import cells_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """What is asked of the column number `column`: counts on `edges`, by a name each (`numbers`, `numbers earlier`);
    rows of the values that lie in the `cells`, in both rows of them."""

    column: int
    edges: dict[str, list[float]] = field(default_factory=dict)
    cells: list[list[int]] = field(default_factory=lambda: [[], []])

    @property
    def anything(self) -> bool:
        """Whether the rows must be read for it."""
        return bool(self.edges or self.cells[0])


@dataclass(frozen=True)
class Compared:
    """A numeric column that is compared with others: its centre, and how far from it its numbers go."""

    column: int
    centre: float
    width: float


@dataclass(frozen=True)
class DetailTask:
    """All that a task needs, as values."""

    plans: list[ColumnPlan]
    asked: list[Asked]
    compared: list[Compared]

    def to_json(self) -> str:
        return json.dumps({"plans": [vars(plan) for plan in self.plans], "asked": [vars(one) for one in self.asked],
                           "compared": [vars(one) for one in self.compared]})

    @classmethod
    def from_json(cls, text: str) -> DetailTask:
        data = json.loads(text)
        return cls([ColumnPlan(**plan) for plan in data["plans"]], [Asked(**one) for one in data["asked"]],
                   [Compared(**one) for one in data["compared"]])


class Details:
    """What is found: counts by column and name of edges, rows and label by column and hash, and the pairs."""

    def __init__(self, task: DetailTask) -> None:
        self.counts = {(asked.column, name): np.zeros(len(edges) + 1, np.int64)
                       for asked in task.asked for name, edges in asked.edges.items()}
        self.frequent: dict[int, dict[int, tuple[int, str]]] = {asked.column: {} for asked in task.asked}
        self.pairs = Pairs(len(task.compared))
        self._task = task
        self._edges = {(asked.column, name): np.array(edges) for asked in task.asked
                       for name, edges in asked.edges.items()}

    def add(self, batch: Batch) -> None:
        """Counts a batch's rows."""
        for asked in self._task.asked:
            plan = self._task.plans[asked.column]
            for name in asked.edges:
                values = batch.measure(name.partition(" ")[0], plan)
                self.counts[asked.column, name] += binned(values, self._edges[asked.column, name])
            if asked.cells[0]:
                self._count_frequent(asked, plan, batch)
        if self._task.compared:
            values = np.stack([batch.numbers(self._task.plans[one.column]) for one in self._task.compared], axis=1)
            centre = np.array([one.centre for one in self._task.compared])
            width = np.array([one.width for one in self._task.compared])
            self.pairs.add(scaled(values, centre, width))

    def merge(self, data: Mapping[str, Any]) -> None:
        """Adds what `to_json` of another part said."""
        for column, name, counts in data["counts"]:
            self.counts[column, name] += np.array(counts)
        for column, values in data["frequent"]:
            for key, rows, label in values:
                self._found(column, key, rows, label)
        if self._task.compared:
            self.pairs.merge(Pairs.from_json(data["pairs"]))

    def to_json(self) -> dict[str, Any]:
        return {"counts": [[column, name, counts.tolist()] for (column, name), counts in self.counts.items()],
                "frequent": [[column, [[key, *found] for key, found in values.items()]]
                             for column, values in self.frequent.items() if values],
                "pairs": self.pairs.to_json()}

    def _count_frequent(self, asked: Asked, plan: ColumnPlan, batch: Batch) -> None:
        hashes, content = batch.get("h", plan), batch.get("c", plan)
        assert hashes is not None and content is not None
        keys = np.asarray(hashes.drop_null(), np.int64)
        shown = content.filter(hashes.is_valid())
        ours = np.ones(len(keys), np.bool_)
        for cells, wanted in zip(cells_of(keys), asked.cells, strict=True):
            ours &= np.isin(cells, wanted)
        places = np.flatnonzero(ours)
        found, first, counts = np.unique(keys[places], return_index=True, return_counts=True)
        label = labeller(plan, shown)
        known = self.frequent[asked.column]
        for key, place, rows in zip(found.tolist(), places[first].tolist(), counts.tolist(), strict=True):
            self._found(asked.column, key, rows, known[key][1] if key in known else label(place))

    def _found(self, column: int, key: int, rows: int, label: str) -> None:
        known = self.frequent[column].get(key)
        self.frequent[column][key] = (rows + (known[0] if known else 0), label)


def second_look(task: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Counts a partition's rows in detail; yields one row."""
    details = Details(DetailTask.from_json(task))
    for batch in batches:
        details.add(Batch(batch))
    yield result_of(details.to_json())


def merge_second(task: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Makes one of the rows that several second looks yielded."""
    results = (result for batch in batches for result in batch.column(0).to_pylist())
    yield result_of(merged_details(DetailTask.from_json(task), results).to_json())


def merged_details(task: DetailTask, results: Iterable[str]) -> Details:
    """The details of all rows."""
    found = Details(task)
    for result in results:
        found.merge(json.loads(result))
    return found
