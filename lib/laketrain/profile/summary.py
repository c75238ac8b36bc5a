"""Builds the profile from the results of the two passes.

    task = plan_second_pass(plans, columns, before)
    build_profile(plans, columns, counts, before, table="clean/pixels", version=3, rows=4380, bytes=8_200_000)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from laketrain.profile.alerts import alerts_of
from laketrain.profile.correlation import MAX_COLUMNS
from laketrain.profile.drift import drift_between
from laketrain.profile.first_pass import ColumnCounts, ColumnPlan
from laketrain.profile.histogram import NumberCounts, bin_counts, summarize
from laketrain.profile.model import CLASSES, ColumnProfile, Correlations, Elements, Numbers, TableProfile, Value
from laketrain.profile.second_pass import ColumnRequest, CorrelatedColumn, SecondPass, SecondPassCounts
from laketrain.profile.values import ranked, threshold

MAX_LISTED = 200
"""A column with at most this many distinct values lists them all."""
EARLIER = " earlier"


def plan_second_pass(plans: Sequence[ColumnPlan], columns: Sequence[ColumnCounts],
                     before: TableProfile | None) -> SecondPass:
    """What the first pass left open."""
    requests = []
    for plan, column in zip(plans, columns, strict=True):
        edges: dict[str, list[float]] = {}
        for name, step in plan.measures.items():
            numbers = column.numbers.get(name)
            if numbers is not None and numbers.counts is None:
                edges[name] = numbers.edges(step).tolist()
                if earlier := earlier_edges(before, plan, name):
                    edges[f"{name}{EARLIER}"] = earlier
        filled = column.counts["rows"] - column.counts["nulls"]
        cells = column.values.frequent_cells(filled) if plan.listed else [[], []]
        requests.append(ColumnRequest(plan.number, edges, cells if all(cells) else [[], []]))
    correlated, _ = _correlated_columns(plans, columns)
    return SecondPass(list(plans), [request for request in requests if not request.is_empty],
                      correlated if len(correlated) > 1 else [])


def earlier_edges(before: TableProfile | None, plan: ColumnPlan, measure: str) -> list[float] | None:
    """The edges of the previous profile's histogram, if it has this column with the same type."""
    for column in before.columns if before else ():
        if (column.name, column.type) == (plan.name, plan.type):
            numbers: Numbers | None = getattr(column, measure)
            return numbers.histogram.edges if numbers and numbers.histogram else None
    return None


def build_profile(plans: Sequence[ColumnPlan], columns: Sequence[ColumnCounts], counts: SecondPassCounts,
                  before: TableProfile | None, *, table: str, version: int, rows: int, bytes: int) -> TableProfile:
    """The profile, with its drift from `before` and its alerts."""
    profiles = [_column(plan, column, counts, before) for plan, column in zip(plans, columns, strict=True)]
    profile = TableProfile(table=table, version=version, rows=rows, bytes=bytes, columns=profiles,
                           correlations=_correlations(plans, columns, counts))
    if before is not None:
        profile = profile.model_copy(update={"drift": drift_between(before, profile)})
    return profile.model_copy(update={"warnings": alerts_of(profile)})


def _column(plan: ColumnPlan, column: ColumnCounts, counts: SecondPassCounts,
            before: TableProfile | None) -> ColumnProfile:
    numbers = {name: _numbers(plan, name, step, column.numbers.get(name, NumberCounts()), counts, before)
               for name, step in plan.measures.items()}
    values, complete = _values(plan, column, counts)
    distinct, exact = column.values.distinct
    has_distinct = plan.kind != "other" and "map<" not in plan.type
    classes = complete and plan.kind != "time" and 2 <= len(values) <= CLASSES
    return ColumnProfile(
        name=plan.name, type=plan.type, kind=plan.kind, rows=column.counts["rows"], nulls=column.counts["nulls"],
        distinct=distinct if has_distinct else None, distinct_exact=exact, values=values, complete=complete,
        imbalance=values[0].rows / values[-1].rows if classes else None,
        empty=numbers["lengths"].zeros if plan.kind == "text" else None,
        looks_numeric=column.counts["looks_numeric"] if plan.kind == "text" else None,
        elements=_elements(column), images=column.images.summary if plan.kind == "binary" else None, **numbers)


def _numbers(plan: ColumnPlan, name: str, step: int, numbers: NumberCounts, counts: SecondPassCounts,
             before: TableProfile | None) -> Numbers:
    edges = earlier_edges(before, plan, name)
    if numbers.counts is not None:
        fine = bin_counts(numbers, numbers.edges(step)) if numbers.counts else None
        earlier = bin_counts(numbers, np.array(edges)) if edges else None
    else:
        fine, earlier = counts.counts[plan.number, name], counts.counts.get((plan.number, f"{name}{EARLIER}"))
    return summarize(numbers, fine, step, earlier)


def _values(plan: ColumnPlan, column: ColumnCounts, counts: SecondPassCounts) -> tuple[list[Value], bool]:
    """The values to list, and whether these are all."""
    if not plan.listed:
        return [], False
    filled = column.counts["rows"] - column.counts["nulls"]
    values = column.values.ranked()
    complete = column.values.counts is not None and len(values) <= MAX_LISTED
    if column.values.counts is None:
        values = ranked((label, rows) for rows, label in counts.frequent.get(plan.number, {}).values())
    listed = [(value, rows) for value, rows in values if complete or rows >= threshold(filled)]
    return [Value(value=value, rows=rows) for value, rows in listed], complete


def _elements(column: ColumnCounts) -> Elements | None:
    minima, maxima = (column.numbers.get(f"elements {letter}", NumberCounts()).range() for letter in ("l", "m"))
    return Elements(least=minima[0], most=maxima[1]) if minima and maxima else None


def _correlated_columns(plans: Sequence[ColumnPlan], columns: Sequence[ColumnCounts]
                        ) -> tuple[list[CorrelatedColumn], dict[str, str]]:
    """The numeric columns to correlate, and why the others are left out."""
    correlated: list[CorrelatedColumn] = []
    left_out: dict[str, str] = {}
    for plan, column in zip(plans, columns, strict=True):
        if plan.kind != "number":
            continue
        limits = column.numbers.get("numbers", NumberCounts()).range()
        if limits is None or limits[0] == limits[1]:
            left_out[plan.name] = "does not vary"
        elif len(correlated) == MAX_COLUMNS:
            left_out[plan.name] = f"beyond the first {MAX_COLUMNS}"
        else:
            centre, width = limits[0] / 2 + limits[1] / 2, limits[1] / 2 - limits[0] / 2
            correlated.append(CorrelatedColumn(plan.number, centre, width))
    return correlated, left_out


def _correlations(plans: Sequence[ColumnPlan], columns: Sequence[ColumnCounts], counts: SecondPassCounts
                  ) -> Correlations | None:
    correlated, left_out = _correlated_columns(plans, columns)
    if len(correlated) < 2:
        return None
    return Correlations(columns=[plans[column.column].name for column in correlated], r=counts.pairs.r,
                        left_out=left_out)
