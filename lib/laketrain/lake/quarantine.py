"""Quarantine tables: the rows that a stage rejected, each with its file, the rule, the reason and the original record.

    check_rejects("clean", "table 'pixels'", 4533, {"length(pixels)": 12}, 0.05, where="quarantine/pixels@3")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from laketrain.errors import DataError
from laketrain.lake.draft import Draft
from laketrain.lake.table import Table
from laketrain.lake.version import Version

COLUMNS = ("file", "rule", "reason", "record")
_LONGEST_RECORD, _LONGEST_BYTES = 2000, 64


def record_of(row: Mapping[str, Any]) -> str:
    """A row as JSON, for the column `record`. Long binary values are replaced by their size, so that the keys fit."""
    fields = {name: f"<{len(value)} bytes>" if isinstance(value, bytes) and len(value) > _LONGEST_BYTES else value
              for name, value in row.items()}
    text = json.dumps(fields, default=str, ensure_ascii=False)[:_LONGEST_RECORD]
    return text.encode(errors="backslashreplace").decode()  # a lone surrogate isn't valid UTF-8


def commit_rejects(
    table: Table, fill: Callable[[Draft], dict[str, Any]], *, fingerprint: str, **fields: Any
) -> Version:
    """Commits the rejected rows, or returns the version of the same work if it exists and is complete.

    Rejects are committed before the stage's own table, also by a run that fails afterwards or is overtaken by another.
    A later run then has the same fingerprint and the same rows.

    Args:
        fill: writes the rejected rows into the draft, and returns the counts for the entry.
        fields: further arguments of `Draft.commit`.
    """
    with table.stage() as draft:
        existing = table.find(fingerprint)
        if existing is not None and existing.exists():
            draft.discard()
            return existing
        counts = fill(draft)
        return draft.commit(fingerprint=fingerprint, counts=counts, **fields)


def check_rejects(stage: str, subject: str, rows: int, rejected: Mapping[str, int], allowed: float, where: str) -> None:
    """Raises DataError, naming the most frequent rules, if more than the fraction `allowed` of `rows` was rejected.

    Args:
        stage, subject: for the message, e.g. "clean", "table 'pixels'".
        rows: the number of input rows, including the rejected ones.
        rejected: the number of rejected rows by rule.
        allowed: max_reject_fraction.
        where: the quarantine version, for the message, e.g. "quarantine/pixels@3".
    """
    total = sum(rejected.values())
    if total <= allowed * rows:
        return
    top = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))[:5]
    reasons = ", ".join(f"{rule} {count}" for rule, count in top)
    raise DataError(stage, subject, f"{total} of {rows} rows were rejected ({total / rows:.1%}), allowed is "
                    f"{allowed:.1%}; most by: {reasons}",
                    f"look at {where}; mend the data, or raise max_reject_fraction")


def check_balance(stage: str, subject: str, rows_in: int, rows_out: int, quarantined: int) -> None:
    """Raises DataError unless each input row is in the output or in quarantine."""
    if rows_in != rows_out + quarantined:
        raise DataError(stage, subject, f"{rows_in} rows in, but {rows_out} out and {quarantined} quarantined: "
                        f"{rows_in - rows_out - quarantined} are unaccounted for",
                        "nothing was committed; run it again, and report it if it happens again")
