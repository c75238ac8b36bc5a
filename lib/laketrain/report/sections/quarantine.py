"""Quarantined rows by rule and file, with a few examples.

    quarantine(run).tables

Counts come from the versions' entries, examples from the first rows of the quarantine's Parquet files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from laketrain.lake import Version
from laketrain.report import format as fmt
from laketrain.report.run import Run

MOST_RULES = 25
EXAMPLES = 2
_FILES = 4
_MOST_READ = 20_000
_LONGEST_REASON, _LONGEST_RECORD, _LONGEST_VALUE = 160, 140, 32


@dataclass(frozen=True)
class Example:
    """A quarantined row: the reason, and the row in short."""

    reason: str
    record: str


@dataclass
class Rule:
    """A rule and its quarantined rows by file. `part` is their fraction of the rule with the most rows."""

    name: str
    rows: int = 0
    files: list[tuple[str, int]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    part: float = 0.0

    @property
    def shown(self) -> list[tuple[str, int]]:
        """The files with the most rows."""
        return sorted(self.files, key=lambda pair: (-pair[1], pair[0]))[:_FILES]

    @property
    def more(self) -> int:
        """How many files aren't shown."""
        return max(0, len(self.files) - _FILES)


@dataclass(frozen=True)
class TableQuarantine:
    """The rows of one table that a stage quarantined. `rows_in` is how many it read, None if it committed nothing."""

    ref: str
    stage: str
    rows: int
    rows_in: Any
    rules: list[Rule]
    more: int


@dataclass(frozen=True)
class Quarantine:
    """The quarantines with rows, and how many rows they have in total. `looked` counts all quarantines."""

    tables: list[TableQuarantine]
    rows: int
    looked: int


def quarantine(run: Run) -> Quarantine | None:
    """The quarantined rows of the run's versions and of their ancestors; None if no stage has a quarantine."""
    versions: list[tuple[Version, Any]] = [(quarantine, _rows_in(version)) for version in run.history
                                           if (quarantine := run.quarantine(version))]
    versions += [(quarantine, None) for quarantine in run.quarantined_by_failure()]
    if not versions:
        return None
    tables = [_of_table(quarantine, rows_in) for quarantine, rows_in in versions
              if quarantine.entry.counts.get("quarantined")]
    return Quarantine(tables, sum(table.rows for table in tables), len(versions))


def _rows_in(version: Version) -> Any:
    """The rows that the stage read: those of all its tables, since a join quarantines rows of either side."""
    counts = version.entry.counts
    return sum(counts["tables"].values()) if counts.get("tables") else counts.get("in")


def _of_table(version: Version, rows_in: Any) -> TableQuarantine:
    rules: dict[str, Rule] = {}
    for name, file, rows in _counts(version.entry.counts):
        rule = rules.setdefault(name, Rule(name))
        rule.rows += rows
        if file:
            rule.files.append((file, rows))
    order = sorted(rules.values(), key=lambda rule: (-rule.rows, rule.name))
    most = max((rule.rows for rule in order), default=1) or 1
    for rule in order:
        rule.part = rule.rows / most
    _read_examples(version, rules)
    return TableQuarantine(version.ref, version.entry.stage, version.entry.counts["quarantined"], rows_in,
                           order[:MOST_RULES], max(0, len(order) - MOST_RULES))


def _counts(counts: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Rule, file (empty if unknown) and rows, from whichever counts the stage recorded."""
    if counts.get("by"):
        yield from ((str(count["rule"]), str(count["file"]), count["rows"]) for count in counts["by"])
    elif counts.get("reasons"):
        yield from ((str(rule), "", rows) for rule, rows in counts["reasons"].items())
    else:
        yield "feature", "", counts["quarantined"]


def _read_examples(version: Version, rules: Mapping[str, Rule]) -> None:
    """Adds the first few rows of each rule to it, and stops reading as soon as all have enough."""
    incomplete = {name for name, rule in rules.items() if rule.rows}
    for row in islice(_rows(version), _MOST_READ):
        rule = rules.get(str(row["rule"]))
        if rule is not None and len(rule.examples) < EXAMPLES:
            example = Example(fmt.shortened(row["reason"], _LONGEST_REASON), _short_record(row["record"]))
            if example.reason not in {other.reason for other in rule.examples}:
                rule.examples.append(example)
            if len(rule.examples) == EXAMPLES:
                incomplete.discard(rule.name)
        if not incomplete:
            return


def _short_record(record: Any) -> str:
    """The columns of a JSON object, each shortened, so that none hides the others; other text shortened."""
    try:
        columns = json.loads(record)
    except (TypeError, ValueError):
        columns = None
    if not isinstance(columns, dict):
        return fmt.shortened(record, _LONGEST_RECORD)
    texts = [f"{name}: {fmt.shortened(value, _LONGEST_VALUE)}" for name, value in columns.items()]
    return fmt.shortened(", ".join(texts), _LONGEST_RECORD)


def _rows(version: Version) -> Iterator[dict[str, Any]]:
    for file in version.entry.files:
        if file.path.endswith(".parquet"):
            with version.lake.store.open(version.path(file.path)) as handle:
                for batch in pq.ParquetFile(handle).iter_batches(256, columns=["rule", "reason", "record"]):
                    yield from batch.to_pylist()
