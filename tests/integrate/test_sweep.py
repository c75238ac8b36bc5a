"""One way through an entity's time: held against a loop over all that was known, however batches are cut."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.integrate import sweep

steps = st.lists(st.tuples(st.none() | st.integers(0, 6), st.integers(0, 3)), max_size=12)
"""Of an entity, in order of time: a moment (None), or the position and version of an event that becomes available."""


@given(st.lists(steps, max_size=4), st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_each_moment_gets_the_last_events_before_it(
        entities: list[list[tuple[int | None, int]]], last: int, batch: int, at_once: int):
    rows = [(entity, not number, position, version, f"{entity} {position} {version}" if position is not None else None)
            for entity, own in enumerate(entities) for number, (position, version) in enumerate(own)]
    table = pa.table({
        "k": pa.array([row[0] for row in rows], pa.int32()), sweep.TIME: pa.array(range(len(rows)), pa.int64()),
        sweep._IS_FIRST: pa.array([row[1] for row in rows], pa.bool_()),
        sweep._IS_QUERY: pa.array([row[2] is None for row in rows], pa.bool_()),
        sweep.POSITION: pa.array([row[2] for row in rows], pa.int64()),
        sweep.VERSION: pa.array([row[3] for row in rows], pa.int64()),
        sweep.EVENT: pa.array([row[4] and {"name": row[4]} for row in rows], pa.struct([("name", pa.string())]))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "_EVENTS_PER_BATCH", at_once)
        outputs = list(sweep._sweep(["k", sweep.TIME], last, table.to_batches(batch)))
    result = {row[sweep.TIME]: (row["k"], [event["name"] for event in row[sweep.EVENTS]])
              for output in outputs for row in output.to_pylist()}
    expected = {}
    for number, (entity, _, position, _, _) in enumerate(rows):
        if position is None:
            latest: dict[int, int] = {}
            for other, _, event, version, _ in rows[:number]:
                if other == entity and event is not None:
                    latest[event] = max(latest.get(event, 0), version)
            names = [f"{entity} {event} {version}" for event, version in sorted(latest.items())]
            expected[number] = entity, names[-last:]
    assert result == expected
