"""From what the two looks found to the profile.

    task = asked_of(plans, tallies, before)
    summarised(plans, tallies, details, before, table="clean/pixels", version=3, bytes=8_200_000)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from laketrain.profile.detail import Asked, Compared, Details, DetailTask
from laketrain.profile.drift import drift_between
from laketrain.profile.model import CLASSES, ColumnProfile, Correlations, Elements, Numbers, TableProfile, Value
from laketrain.profile.notices import notices_of
from laketrain.profile.series import Series, numbers_of, spread
from laketrain.profile.tally import ColumnPlan, ColumnTally
from laketrain.profile.together import MOST_COLUMNS
from laketrain.profile.values import ranked, threshold

LISTED = 200
"""Distinct values up to which all of a column's are listed."""
EARLIER = " earlier"


def asked_of(plans: Sequence[ColumnPlan], tallies: Sequence[ColumnTally], before: TableProfile | None) -> DetailTask:
    """What the first look left open."""
    asked = []
    for plan, tally in zip(plans, tallies, strict=True):
        edges: dict[str, list[float]] = {}
        for name, step in plan.measures.items():
            series = tally.series.get(name)
            if series is not None and series.counts is None:
                edges[name] = series.edges(step).tolist()
                edges.update({f"{name}{EARLIER}": old for old in [earlier_edges(before, plan, name)] if old})
        cells = tally.values.frequent_cells(tally.counts["rows"] - tally.counts["nulls"]) if plan.listed else [[], []]
        asked.append(Asked(plan.number, edges, cells if all(cells) else [[], []]))
    compared, _ = _compared(plans, tallies)
    return DetailTask(list(plans), [one for one in asked if one.anything], compared if len(compared) > 1 else [])


def earlier_edges(before: TableProfile | None, plan: ColumnPlan, measure: str) -> list[float] | None:
    """Those on which the profile before counted, where it knew that column by the same type."""
    for column in before.columns if before else ():
        if (column.name, column.type) == (plan.name, plan.type):
            numbers: Numbers | None = getattr(column, measure)
            return numbers.histogram.edges if numbers and numbers.histogram else None
    return None


def summarised(plans: Sequence[ColumnPlan], tallies: Sequence[ColumnTally], details: Details,
               before: TableProfile | None, *, table: str, version: int, rows: int, bytes: int) -> TableProfile:
    """The profile, with drift against `before` and with its warnings."""
    columns = [_column(plan, tally, details, before) for plan, tally in zip(plans, tallies, strict=True)]
    profile = TableProfile(table=table, version=version, rows=rows, bytes=bytes, columns=columns,
                           correlations=_correlations(plans, tallies, details))
    if before is not None:
        profile = profile.model_copy(update={"drift": drift_between(before, profile)})
    return profile.model_copy(update={"warnings": notices_of(profile)})


def _column(plan: ColumnPlan, tally: ColumnTally, details: Details, before: TableProfile | None) -> ColumnProfile:
    counts = tally.counts
    numbers = {name: _numbers(plan, name, step, tally.series.get(name, Series()), details, before)
               for name, step in plan.measures.items()}
    values, complete = _values(plan, tally, details)
    distinct, exact = tally.values.distinct
    known = plan.kind != "other" and "map<" not in plan.type
    classes = complete and plan.kind != "time" and 2 <= len(values) <= CLASSES
    return ColumnProfile(
        name=plan.name, type=plan.type, kind=plan.kind, rows=counts["rows"], nulls=counts["nulls"],
        distinct=distinct if known else None, distinct_exact=exact, values=values, complete=complete,
        imbalance=values[0].rows / values[-1].rows if classes else None,
        empty=numbers["lengths"].zeros if plan.kind == "text" else None,
        looks_numeric=counts["looks_numeric"] if plan.kind == "text" else None,
        elements=_elements(tally), images=tally.images.found if plan.kind == "binary" else None, **numbers)


def _numbers(plan: ColumnPlan, name: str, step: int, series: Series, details: Details,
             before: TableProfile | None) -> Numbers:
    old = earlier_edges(before, plan, name)
    if series.counts is not None:
        fine = spread(series, series.edges(step)) if series.counts else None
        earlier = spread(series, np.array(old)) if old else None
    else:
        fine, earlier = details.counts[plan.number, name], details.counts.get((plan.number, f"{name}{EARLIER}"))
    return numbers_of(series, fine, step, earlier)


def _values(plan: ColumnPlan, tally: ColumnTally, details: Details) -> tuple[list[Value], bool]:
    """Those that are listed, and whether these are all."""
    if not plan.listed:
        return [], False
    filled = tally.counts["rows"] - tally.counts["nulls"]
    all_of = tally.values.ranked()
    complete = tally.values.counts is not None and len(all_of) <= LISTED
    if tally.values.counts is None:
        all_of = ranked((label, rows) for rows, label in details.frequent.get(plan.number, {}).values())
    listed = [(value, rows) for value, rows in all_of if complete or rows >= threshold(filled)]
    return [Value(value=value, rows=rows) for value, rows in listed], complete


def _elements(tally: ColumnTally) -> Elements | None:
    least, most = (tally.series.get(f"elements {letter}", Series()).ends() for letter in ("l", "m"))
    return Elements(least=least[0], most=most[1]) if least and most else None


def _compared(plans: Sequence[ColumnPlan], tallies: Sequence[ColumnTally]
              ) -> tuple[list[Compared], dict[str, str]]:
    """The numeric columns that are compared, and why the others are not."""
    compared: list[Compared] = []
    left_out: dict[str, str] = {}
    for plan, tally in zip(plans, tallies, strict=True):
        if plan.kind != "number":
            continue
        ends = tally.series.get("numbers", Series()).ends()
        if ends is None or ends[0] == ends[1]:
            left_out[plan.name] = "does not vary"
        elif len(compared) == MOST_COLUMNS:
            left_out[plan.name] = f"beyond the first {MOST_COLUMNS}"
        else:
            centre, width = ends[0] / 2 + ends[1] / 2, ends[1] / 2 - ends[0] / 2
            compared.append(Compared(plan.number, centre, width))
    return compared, left_out


def _correlations(plans: Sequence[ColumnPlan], tallies: Sequence[ColumnTally], details: Details
                  ) -> Correlations | None:
    compared, left_out = _compared(plans, tallies)
    if len(compared) < 2:
        return None
    return Correlations(columns=[plans[one.column].name for one in compared], r=details.pairs.r, left_out=left_out)
