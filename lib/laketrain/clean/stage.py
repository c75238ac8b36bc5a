"""From a raw version to a clean one and its quarantine: rows in = rows out + rows quarantined, checked.

    version = clean(spark, raw, "pixels", table, source, fingerprint_clean(raw, table, source))
"""

from __future__ import annotations

import time

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.clean.legible import refuse_illegible
from laketrain.clean.reading import FILE, RECORD, REJECT, SETTINGS, open_raw, pin_of
from laketrain.clean.rules import Judging, apply, code_marks, key_marks, personal_columns, veiled_file, veiled_record
from laketrain.config.clean import CleanTable
from laketrain.config.sources import BaseSource
from laketrain.lake import Version, fingerprint
from laketrain.lake.contents import found_files
from laketrain.lake.quarantine import check_balance, check_rejects, commit_quarantine, counts_by_rule
from laketrain.lake.version import made_of
from laketrain.spark.errors import explained
from laketrain.spark.frames import configured, counts_by, persisted, valid_text, write

REVISION = 7


def fingerprint_clean(raw: Version, table: CleanTable, source: BaseSource) -> str:
    """Of cleaning `raw` by these rules."""
    settings = {"table": table, "source": source.reading, "keys": key_marks(table.rules),
                "code": code_marks(table.rules)}
    return fingerprint("clean", REVISION, settings, [raw])


def clean(spark: SparkSession, raw: Version, name: str, table: CleanTable, source: BaseSource, key: str) -> Version:
    """Applies the rules of `table` to `raw` and commits `quarantine/<name>`, then `clean/<name>`.

    Raises DataError where too many rows are rejected (their quarantine is committed all the same, to look at), where
    a file is unreadable, or where the counts don't add up.
    """
    started = time.monotonic()
    file = veiled_file(F.col(FILE), table.rules, source.format)
    # Staged before the work, so that the commit finds out where another run did the same work meanwhile.
    with (explained("clean", f"table {name!r}"), configured(spark, SETTINGS),
          raw.lake.table("clean", name).stage() as draft, Judging(file) as judging):
        before = raw.lake.table("clean", name).latest() if source.declared == "infer" else None
        reading = open_raw(spark, raw, source, before.entry.meta if before else None, personal_columns(table.rules))
        # Counted on its own, from the files: the sum below could never fail if both sides came from one frame.
        read, rows_in = reading.frame, reading.count()
        record = veiled_record(F.col(RECORD), read.drop(FILE, RECORD, REJECT).schema, table.rules)
        with persisted(_kept(refuse_illegible(apply(table.rules, read, judging)))) as judged:
            rows = _rejected(judged, file, record)
            reasons = counts_by(rows, "rule", "file")
            quarantine = commit_quarantine(
                draft.table, [raw], lambda target: write(rows.coalesce(1), target.url()), stage="clean",
                fingerprint=key, table_schema=rows.schema.json(), counts=counts_by_rule(reasons))
            rejected: dict[str, int] = {}
            for (rule_name, _file), count in reasons.items():
                rejected[rule_name] = rejected.get(rule_name, 0) + count
            check_rejects("clean", f"table {name!r}", rows_in, rejected, table.max_reject_fraction, quarantine.ref)
            good = judged.where(F.col(REJECT).isNull()).drop(FILE, RECORD, REJECT)
            write(good, draft.url())
            files = found_files(raw.lake.store, draft.path())
            rows_out = sum(file.rows or 0 for file in files)
            check_balance("clean", f"table {name!r}", rows_in, rows_out, quarantine.rows)
            return draft.commit(
                stage="clean", fingerprint=key, files=files, table_schema=good.schema.json(),
                **made_of(raw),
                counts={"in": rows_in, "out": rows_out, "quarantined": quarantine.rows, "reasons": rejected,
                        **({"imputed": judging.imputed} if judging.imputed else {})},
                meta={"quarantine": quarantine.number, "rules": [rule.model_dump() for rule in table.rules],
                      **({"fitted": judging.fitted} if judging.fitted else {}), **pin_of(reading, raw, source)},
                seconds=time.monotonic() - started,
            )


def _kept(judged: DataFrame) -> DataFrame:
    """What there is to keep of each row: how it came, and of which file, matters of rejected ones alone."""
    came = {name: F.when(F.col(REJECT).isNotNull(), F.col(name)) for name in (FILE, RECORD)}
    return judged.withColumns(came)


def _rejected(judged: DataFrame, file: Column, record: Column) -> DataFrame:
    """The rejected rows, with the columns of a quarantine."""
    return valid_text(judged.where(F.col(REJECT).isNotNull()).select(
        file.alias("file"),
        F.col(f"{REJECT}.rule").alias("rule"),
        F.col(f"{REJECT}.reason").alias("reason"),
        record.alias("record"),
    ))
