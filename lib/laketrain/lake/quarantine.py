"""Quarantine tables: the rows that a stage rejected, each with its file, the rule, the reason and the original record.

    check_rejects("clean", "table 'pixels'", 4533, {"length(pixels)": 12}, 0.05, where="quarantine/pixels@3")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from laketrain.errors import DataError
from laketrain.lake.contents import list_data_files
from laketrain.lake.draft import Draft
from laketrain.lake.table import Table
from laketrain.lake.version import Version, parent_fields

COLUMNS = ("file", "rule", "reason", "record")
_LONGEST_RECORD, _LONGEST_BYTES = 2000, 64
_SUFFIXES = {"clean": "", "integrated": "-joins"}
"""What the name of a quarantine ends with, by the zone of its table; in other zones it is `-<zone>`."""


def quarantine_name(zone: str, name: str) -> str:
    """The table of `quarantine/` for the rows that were rejected on the way to `<zone>/<name>`."""
    return name + _SUFFIXES.get(zone, f"-{zone}")


def quarantine_of(table: Table) -> Table:
    """The quarantine of a table."""
    return table.lake.table("quarantine", quarantine_name(table.zone, table.name))


def record_of(row: Mapping[str, Any]) -> str:
    """A row as JSON, for the column `record`. Long binary values are replaced by their size, so that the keys fit."""
    fields = {name: f"<{len(value)} bytes>" if isinstance(value, bytes) and len(value) > _LONGEST_BYTES else value
              for name, value in row.items()}
    text = json.dumps(fields, default=str, ensure_ascii=False)[:_LONGEST_RECORD]
    return text.encode(errors="backslashreplace").decode()  # a lone surrogate isn't valid UTF-8


def commit_quarantine(table: Table, parents: Sequence[Version], write: Callable[[Draft], object], *, stage: str,
                      fingerprint: str, table_schema: str, counts: dict[str, Any] | None = None) -> Version:
    """Commits the rows that were rejected on the way to `table`, or returns the version of the same work if it exists
    and is complete.

    Rejected rows are committed before the stage's own table, also by a run that fails afterwards or is overtaken by
    another. A later run then has the same fingerprint and the same rows.

    Args:
        parents: what the stage reads. write: writes the rows into the draft of the quarantine, with the columns
            COLUMNS. counts: of the entry; by default the number of rows in the files.
    """
    with quarantine_of(table).stage() as draft:
        existing = draft.table.find(fingerprint)
        if existing is not None and existing.exists():
            draft.discard()
            return existing
        write(draft)
        if counts is None:
            files = list_data_files(table.lake.store, draft.path())
            counts = {"quarantined": sum(file.rows or 0 for file in files)}
        return draft.commit(stage=stage, fingerprint=fingerprint, counts=counts, table_schema=table_schema,
                            **parent_fields(*parents))


def counts_by_rule(reasons: Mapping[tuple[str, ...], int]) -> dict[str, Any]:
    """The counts of a quarantine, from the rows by rule and file."""
    return {"quarantined": sum(reasons.values()),
            "by": [{"rule": rule, "file": file, "rows": rows} for (rule, file), rows in reasons.items()]}


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
    rules = ", ".join(f"{rule} {count}" for rule, count in top)
    raise DataError(stage, subject, f"{total} of {rows} rows were rejected ({total / rows:.1%}), allowed is "
                    f"{allowed:.1%}; most by: {rules}",
                    f"look at {where}; mend the data, or raise max_reject_fraction")


def check_balance(stage: str, subject: str, rows_in: int, rows_out: int, quarantined: int) -> None:
    """Raises DataError unless each input row is in the output or in quarantine."""
    if rows_in != rows_out + quarantined:
        raise DataError(stage, subject, f"{rows_in} rows in, but {rows_out} out and {quarantined} quarantined: "
                        f"{rows_in - rows_out - quarantined} are unaccounted for",
                        "nothing was committed; run it again, and report it if it happens again")
