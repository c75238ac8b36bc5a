"""The second pass over a table's rows, once their ranges are known: histograms, frequent values, correlations.

    task = SecondPass(plans, requests, correlated)
    frame.mapInArrow(partial(second_pass, task.to_json()), RESULT_SCHEMA)

It counts only what the first pass left open; a table without open questions isn't read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.profile.correlation import PairSums, quantize
from laketrain.profile.first_pass import Batch, ColumnPlan, labeller, result_of
from laketrain.profile.histogram import bin_values
from laketrain.profile.values import cells_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ColumnRequest:
    """What to count in the column number `column`.

    Attributes:
        edges: of the histograms, by name: `numbers`, or `numbers earlier` with the edges of the profile before.
        cells: of both rows of the count sketch: a value is counted if its hash is in one of the cells of each row.
    """

    column: int
    edges: dict[str, list[float]] = field(default_factory=dict)
    cells: list[list[int]] = field(default_factory=lambda: [[], []])

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to count."""
        return not (self.edges or self.cells[0])


@dataclass(frozen=True)
class CorrelatedColumn:
    """A numeric column to correlate with others: its centre, and the largest distance from it."""

    column: int
    centre: float
    width: float


@dataclass(frozen=True)
class SecondPass:
    """The settings of the second pass, for the executors."""

    plans: list[ColumnPlan]
    requests: list[ColumnRequest]
    correlated: list[CorrelatedColumn]

    def to_json(self) -> str:
        return json.dumps({"plans": [vars(plan) for plan in self.plans],
                           "requests": [vars(request) for request in self.requests],
                           "correlated": [vars(column) for column in self.correlated]})

    @classmethod
    def from_json(cls, text: str) -> SecondPass:
        data = json.loads(text)
        return cls([ColumnPlan(**plan) for plan in data["plans"]],
                   [ColumnRequest(**request) for request in data["requests"]],
                   [CorrelatedColumn(**column) for column in data["correlated"]])


class SecondPassCounts:
    """The results: counts by column and name of bins, rows and label by column and hash, and the pairs' sums."""

    def __init__(self, task: SecondPass) -> None:
        self.counts = {(request.column, name): np.zeros(len(edges) + 1, np.int64)
                       for request in task.requests for name, edges in request.edges.items()}
        self.frequent: dict[int, dict[int, tuple[int, str]]] = {request.column: {} for request in task.requests}
        self.pairs = PairSums(len(task.correlated))
        self._task = task
        self._edges = {(request.column, name): np.array(edges) for request in task.requests
                       for name, edges in request.edges.items()}

    def add(self, batch: Batch) -> None:
        """Counts a batch's rows."""
        for request in self._task.requests:
            plan = self._task.plans[request.column]
            for name in request.edges:
                values = batch.measure(name.partition(" ")[0], plan)
                self.counts[request.column, name] += bin_values(values, self._edges[request.column, name])
            if request.cells[0]:
                self._count_frequent(request, plan, batch)
        if self._task.correlated:
            columns = self._task.correlated
            values = np.stack([batch.numbers(self._task.plans[column.column]) for column in columns], axis=1)
            centre = np.array([column.centre for column in columns])
            width = np.array([column.width for column in columns])
            self.pairs.add(quantize(values, centre, width))

    def merge(self, data: Mapping[str, Any]) -> None:
        """Adds the counts of other rows, from their `to_json`."""
        for column, name, counts in data["counts"]:
            self.counts[column, name] += np.array(counts)
        for column, values in data["frequent"]:
            for key, rows, label in values:
                self._add_frequent(column, key, rows, label)
        if self._task.correlated:
            self.pairs.merge(PairSums.from_json(data["pairs"]))

    def to_json(self) -> dict[str, Any]:
        return {"counts": [[column, name, counts.tolist()] for (column, name), counts in self.counts.items()],
                "frequent": [[column, [[key, *counted] for key, counted in values.items()]]
                             for column, values in self.frequent.items() if values],
                "pairs": self.pairs.to_json()}

    def _count_frequent(self, request: ColumnRequest, plan: ColumnPlan, batch: Batch) -> None:
        hashes, content = batch.get("h", plan), batch.get("c", plan)
        assert hashes is not None and content is not None
        keys = np.asarray(hashes.drop_null(), np.int64)
        values = content.filter(hashes.is_valid())
        is_candidate = np.ones(len(keys), np.bool_)
        for cells, frequent in zip(cells_of(keys), request.cells, strict=True):
            is_candidate &= np.isin(cells, frequent)
        rows = np.flatnonzero(is_candidate)
        candidates, first, counts = np.unique(keys[rows], return_index=True, return_counts=True)
        label = labeller(plan, values)
        counted = self.frequent[request.column]
        for key, row, count in zip(candidates.tolist(), rows[first].tolist(), counts.tolist(), strict=True):
            self._add_frequent(request.column, key, count, counted[key][1] if key in counted else label(row))

    def _add_frequent(self, column: int, key: int, rows: int, label: str) -> None:
        counted = self.frequent[column].get(key)
        self.frequent[column][key] = (rows + (counted[0] if counted else 0), label)


def second_pass(task: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Counts a partition's rows; yields one row."""
    counts = SecondPassCounts(SecondPass.from_json(task))
    for batch in batches:
        counts.add(Batch(batch))
    yield result_of(counts.to_json())


def merge_second(task: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Merges the rows of several partitions into one."""
    results = (result for batch in batches for result in batch.column(0).to_pylist())
    yield result_of(merge_counts(SecondPass.from_json(task), results).to_json())


def merge_counts(task: SecondPass, results: Iterable[str]) -> SecondPassCounts:
    """The counts of all rows."""
    counts = SecondPassCounts(task)
    for result in results:
        counts.merge(json.loads(result))
    return counts
