"""Profiles of small tables for the tests of pages and of the terminal."""

from __future__ import annotations

from laketrain.lake import Version
from laketrain.profile.alerts import alerts_of
from laketrain.profile.drift import drift_between
from laketrain.profile.model import (
    FILE,
    PAGE,
    ColumnProfile,
    Correlations,
    Images,
    Numbers,
    TableProfile,
    Value,
)
from laketrain.profile.store import fingerprint_profile, profiles_of
from laketrain.report.profile import page_of

HOSTILE = '<script>alert(1)</script>" onload="x'


def numbers(**more: object) -> Numbers:
    return Numbers.model_validate({
        "count": 90, "least": 0.0, "most": 4.0, "mean": 1.5, "std": 1.25, "exact": True,
        "quantiles": {"0.05": 0.0, "0.5": 1.0, "0.99": 4.0},
        "histogram": {"edges": [0.0, 1.0, 2.0, 4.0], "counts": [60, 0, 30]}, **more})


def column(name: str, kind: str = "number", **more: object) -> ColumnProfile:
    types = {"number": "double", "text": "string", "binary": "binary"}
    return ColumnProfile.model_validate({"name": name, "type": types[kind], "kind": kind, "rows": 100, "nulls": 10,
                                         "distinct": 60, "distinct_exact": False, **more})


def profile_of(word: str = "calm", version: int = 2) -> TableProfile:
    values = [Value(value=word, rows=89), Value(value=f"{word} rare", rows=1)]
    images = Images(readable=80, unreadable=10, width=numbers(), height=numbers(),
                    formats=[Value(value="PNG", rows=80)], colours=[], sizes=[Value(value="8 × 6", rows=80)],
                    reasons=[Value(value="is empty", rows=10)])
    columns = [column(f"x {word}", numbers=numbers(nan=3)), column("y", numbers=numbers()),
               column(f"label {word}", "text", distinct=2, distinct_exact=True, values=values, complete=True,
                      imbalance=89.0, lengths=numbers(), words=numbers()),
               column("photo", "binary", lengths=numbers(), images=images)]
    correlations = Correlations(columns=[f"x {word}", "y"], r=[[1.0, -0.995], [-0.995, 1.0]],
                                left_out={word: "too many"})
    profile = TableProfile(table="clean/shapes", version=version, rows=100, bytes=1234, columns=columns,
                           correlations=correlations)
    before = profile.model_copy(update={"version": 1, "rows": 60, "columns": [
        columns[2].model_copy(update={"values": [Value(value="fox", rows=90)], "nulls": 10}), column(f"z {word}")]})
    profile = profile.model_copy(update={"drift": drift_between(before, profile)})
    return profile.model_copy(update={"warnings": alerts_of(profile)})


def commit_profile(table: Version, profile: TableProfile) -> Version:
    with profiles_of(table).stage() as draft:
        table.lake.store.write(draft.path(FILE), profile.model_dump_json().encode())
        table.lake.store.write(draft.path(PAGE), page_of(profile).encode())
        return draft.commit(stage="profile", fingerprint=fingerprint_profile(table),
                            parents={table.table: table.number})
