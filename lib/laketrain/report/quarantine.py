"""What the page says of refused rows: by rule and file, with a few of them to look at.

    quarantine(run).tables

The numbers are the versions' own; the examples are read from the beginning of the quarantine's Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from laketrain.lake import Version
from laketrain.report import words
from laketrain.report.run import Run

MOST_RULES = 25
EXAMPLES = 2
_FILES = 6
_MOST_READ = 20_000
_LONGEST_REASON, _LONGEST_RECORD = 160, 140


@dataclass(frozen=True)
class Example:
    """A refused row: why, and how it began."""

    reason: str
    record: str


@dataclass
class Rule:
    """A rule and the rows that it refused, by file. `part` is of the rule that refused most."""

    name: str
    rows: int = 0
    files: list[tuple[str, int]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    part: float = 0.0

    @property
    def shown(self) -> list[tuple[str, int]]:
        """The files with most of them."""
        return sorted(self.files, key=lambda pair: (-pair[1], pair[0]))[:_FILES]

    @property
    def more(self) -> int:
        """How many files are not shown."""
        return max(0, len(self.files) - _FILES)


@dataclass(frozen=True)
class Rejects:
    """What one stage refused of one table. `rows_in` is what the stage read, None where it committed nothing."""

    ref: str
    stage: str
    rows: int
    rows_in: Any
    rules: list[Rule]
    more: int


@dataclass(frozen=True)
class Quarantine:
    """Every quarantine of the run that holds rows, and how many rows that is in all."""

    tables: list[Rejects]
    rows: int
    looked: int


def quarantine(run: Run) -> Quarantine | None:
    """The run's quarantines; None where no stage has one."""
    found: list[tuple[Version, Any]] = [(held, version.entry.counts.get("in")) for outcome in run.record.outcomes
                                        if (held := run.quarantine(version := outcome.version))]
    found += [(held, None) for held in run.quarantined_by_failure()]
    if not found:
        return None
    tables = [_rejects(held, rows_in) for held, rows_in in found if held.entry.counts.get("quarantined")]
    return Quarantine(tables, sum(table.rows for table in tables), len(found))


def _rejects(held: Version, rows_in: Any) -> Rejects:
    rules: dict[str, Rule] = {}
    for name, file, rows in _counts(held.entry.counts):
        rule = rules.setdefault(name, Rule(name))
        rule.rows += rows
        if file:
            rule.files.append((file, rows))
    order = sorted(rules.values(), key=lambda rule: (-rule.rows, rule.name))
    most = max((rule.rows for rule in order), default=1) or 1
    for rule in order:
        rule.part = rule.rows / most
    _read_examples(held, rules)
    return Rejects(held.ref, held.entry.stage, held.entry.counts["quarantined"], rows_in, order[:MOST_RULES],
                   max(0, len(order) - MOST_RULES))


def _counts(counts: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Rule, file (empty where unknown) and rows, from whichever a stage has counted."""
    if counts.get("by"):
        yield from ((str(one["rule"]), str(one["file"]), one["rows"]) for one in counts["by"])
    elif counts.get("reasons"):
        yield from ((str(rule), "", rows) for rule, rows in counts["reasons"].items())
    else:
        yield "feature", "", counts["quarantined"]


def _read_examples(held: Version, rules: Mapping[str, Rule]) -> None:
    """Gives each rule its first few rows, reading no further than it must."""
    seen, wanting = 0, {name for name, rule in rules.items() if rule.rows}
    for row in _rows(held):
        seen += 1
        rule = rules.get(str(row["rule"]))
        if rule is not None and len(rule.examples) < EXAMPLES:
            example = Example(words.shortened(row["reason"], _LONGEST_REASON),
                              words.shortened(row["record"], _LONGEST_RECORD))
            if example.reason not in {known.reason for known in rule.examples}:
                rule.examples.append(example)
            if len(rule.examples) == EXAMPLES:
                wanting.discard(rule.name)
        if not wanting or seen >= _MOST_READ:
            return


def _rows(held: Version) -> Iterator[dict[str, Any]]:
    for file in held.entry.files:
        if file.path.endswith(".parquet"):
            with held.lake.store.open(held.path(file.path)) as handle:
                for batch in pq.ParquetFile(handle).iter_batches(256, columns=["rule", "reason", "record"]):
                    yield from batch.to_pylist()
