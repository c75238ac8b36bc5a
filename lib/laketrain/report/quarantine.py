"""What the page says of refused rows: by rule and file, with a few of them to look at.

    quarantine(run).tables

The numbers are the versions' own; the examples are read from the beginning of the quarantine's Parquet files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow.parquet as pq

from laketrain.lake import Version
from laketrain.report import words
from laketrain.report.run import Run

MOST_RULES = 25
EXAMPLES = 2
_FILES = 4
_MOST_READ = 20_000
_LONGEST_REASON, _LONGEST_RECORD, _LONGEST_VALUE = 160, 140, 32


@dataclass(frozen=True)
class Example:
    """A refused row: why, and what it was, in short."""

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
    """What was refused on the way to everything that the run stands on; None where no stage has a quarantine."""
    found: list[tuple[Version, Any]] = [(held, _read(version)) for version in run.history
                                        if (held := run.quarantine(version))]
    found += [(held, None) for held in run.quarantined_by_failure()]
    if not found:
        return None
    tables = [_rejects(held, rows_in) for held, rows_in in found if held.entry.counts.get("quarantined")]
    return Quarantine(tables, sum(table.rows for table in tables), len(found))


def _read(version: Version) -> Any:
    """Rows that the stage judged: those of all its tables, where a join sets rows of either side aside."""
    counts = version.entry.counts
    return sum(counts["tables"].values()) if counts.get("tables") else counts.get("in")


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
    wanting = {name for name, rule in rules.items() if rule.rows}
    for row in islice(_rows(held), _MOST_READ):
        rule = rules.get(str(row["rule"]))
        if rule is not None and len(rule.examples) < EXAMPLES:
            example = Example(words.shortened(row["reason"], _LONGEST_REASON), _in_short(row["record"]))
            if example.reason not in {known.reason for known in rule.examples}:
                rule.examples.append(example)
            if len(rule.examples) == EXAMPLES:
                wanting.discard(rule.name)
        if not wanting:
            return


def _in_short(record: Any) -> str:
    """A JSON object by its columns, each cut short, so that a long one hides no other; other text as it begins."""
    try:
        columns = json.loads(record)
    except (TypeError, ValueError):
        columns = None
    if not isinstance(columns, dict):
        return words.shortened(record, _LONGEST_RECORD)
    said = [f"{name}: {words.shortened(value, _LONGEST_VALUE)}" for name, value in columns.items()]
    return words.shortened(", ".join(said), _LONGEST_RECORD)


def _rows(held: Version) -> Iterator[dict[str, Any]]:
    for file in held.entry.files:
        if file.path.endswith(".parquet"):
            with held.lake.store.open(held.path(file.path)) as handle:
                for batch in pq.ParquetFile(handle).iter_batches(256, columns=["rule", "reason", "record"]):
                    yield from batch.to_pylist()
