"""What a stage refused: a table beside its own, with the file, the rule, the reason and the record as it came.

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
    """A row as the column `record` has it: JSON, in which a file is its number of bytes, so that keys stay in it."""
    said = {name: f"<{len(value)} bytes>" if isinstance(value, bytes) and len(value) > _LONGEST_BYTES else value
            for name, value in row.items()}
    text = json.dumps(said, default=str, ensure_ascii=False)[:_LONGEST_RECORD]
    return text.encode(errors="backslashreplace").decode()  # half of a surrogate pair is no UTF-8


def commit_rejects(
    table: Table, fill: Callable[[Draft], dict[str, Any]], *, fingerprint: str, **fields: Any
) -> Version:
    """Commits what a stage refused; where the same work has left its rejects already, whole, those.

    Rejects are committed before the stage's own table, also by a run that fails afterwards or that another one
    overtakes: so the same fingerprint comes again, with the same rows.

    Args:
        fill: writes the rejected rows into the draft, and returns the counts for the entry.
        fields: of the entry, as `Draft.commit` takes them.
    """
    with table.stage() as draft:
        there = table.find(fingerprint)
        if there is not None and there.exists():
            draft.discard()
            return there
        counts = fill(draft)
        return draft.commit(fingerprint=fingerprint, counts=counts, **fields)


def check_rejects(stage: str, subject: str, rows: int, rejected: Mapping[str, int], allowed: float, where: str) -> None:
    """Raises DataError, naming the top reasons, where more than the fraction `allowed` of `rows` was rejected.

    Args:
        stage, subject: for the message, e.g. "clean", "table 'pixels'".
        rows: rows in, rejected ones among them.
        rejected: rows by the rule that they broke.
        allowed: max_reject_fraction.
        where: the quarantine version to look at, e.g. "quarantine/pixels@3".
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
    """Raises DataError unless every row that came in went out or to quarantine."""
    if rows_in != rows_out + quarantined:
        raise DataError(stage, subject, f"{rows_in} rows in, but {rows_out} out and {quarantined} quarantined: "
                        f"{rows_in - rows_out - quarantined} are unaccounted for",
                        "nothing was committed; run it again, and report it if it happens again")
