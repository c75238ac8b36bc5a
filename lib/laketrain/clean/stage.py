"""Makes a clean version and its quarantine from a raw version. Checks that rows in = rows out + rows quarantined.

    version = clean(spark, raw, "pixels", table, source, fingerprint_clean(raw, table, source))
"""

from __future__ import annotations

import time
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.clean.invalid_utf8 import reject_invalid_utf8
from laketrain.clean.reading import FILE, RECORD, REJECT, SETTINGS, open_raw, reading_fields
from laketrain.clean.rules import (
    RuleContext,
    apply,
    code_hashes,
    key_hashes,
    masked_file,
    masked_record,
    personal_columns,
)
from laketrain.config.clean import CleanTable
from laketrain.config.sources import BaseSource
from laketrain.lake import Version, fingerprint
from laketrain.lake.contents import list_data_files
from laketrain.lake.manifests import CleanManifest
from laketrain.lake.quarantine import check_balance, check_rejects, commit_quarantine, counts_by_rule
from laketrain.lake.version import parent_fields
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import configured, counts_by, persisted, replace_invalid_utf8, write

REVISION = 7


def fingerprint_clean(raw: Version, table: CleanTable, source: BaseSource) -> str:
    """The fingerprint of cleaning `raw` with these rules."""
    settings = {"table": table, "source": source.reading, "keys": key_hashes(table.rules),
                "code": code_hashes(table.rules)}
    return fingerprint("clean", REVISION, settings, [raw])


def clean(spark: SparkSession, raw: Version, name: str, table: CleanTable, source: BaseSource, key: str) -> Version:
    """Applies the rules of `table` to `raw` and commits `quarantine/<name>`, then `clean/<name>`.

    Raises DataError if too many rows are rejected (after the quarantine is committed, so that it can be inspected), a
    file is unreadable, or the counts don't add up.
    """
    started = time.monotonic()
    file = masked_file(F.col(FILE), table.rules, source.format)
    # Staged first, so that the commit detects another run that did the same work meanwhile.
    with (translate_spark_errors("clean", f"table {name!r}"), configured(spark, SETTINGS),
          raw.lake.table("clean", name).stage() as draft, RuleContext(file) as context):
        before = raw.lake.table("clean", name).latest() if source.declared == "infer" else None
        pinned = CleanManifest.of(before).pinned if before else None
        reading = open_raw(spark, raw, source, pinned, personal_columns(table.rules))
        # Counted separately, from the files: the check below would be pointless if both counts came from one frame.
        read, rows_in = reading.frame, reading.count()
        record = masked_record(F.col(RECORD), read.drop(FILE, RECORD, REJECT).schema, table.rules)
        with persisted(_trim(reject_invalid_utf8(apply(table.rules, read, context)))) as result:
            rows = _rejected(result, file, record)
            reasons = counts_by(rows, "rule", "file")
            quarantine = commit_quarantine(
                draft.table, [raw], lambda target: write(rows.coalesce(1), target.url()), stage="clean",
                fingerprint=key, table_schema=rows.schema.json(), counts=counts_by_rule(reasons))
            rejected: dict[str, int] = {}
            for (rule_name, _file), count in reasons.items():
                rejected[rule_name] = rejected.get(rule_name, 0) + count
            check_rejects("clean", f"table {name!r}", rows_in, rejected, table.max_reject_fraction, quarantine.ref)
            good = result.where(F.col(REJECT).isNull()).drop(FILE, RECORD, REJECT)
            write(good, draft.url())
            files = list_data_files(raw.lake.store, draft.path())
            rows_out = sum(file.rows or 0 for file in files)
            check_balance("clean", f"table {name!r}", rows_in, rows_out, quarantine.rows)
            fitted: dict[str, Any] = {"fitted": context.fitted} if context.fitted else {}
            manifest = CleanManifest(quarantine=quarantine.number, rules=[rule.model_dump() for rule in table.rules],
                                     **fitted, **reading_fields(reading, raw, source))
            return draft.commit(
                stage="clean", fingerprint=key, files=files, table_schema=good.schema.json(),
                **parent_fields(raw),
                counts={"in": rows_in, "out": rows_out, "quarantined": quarantine.rows, "reasons": rejected,
                        **({"imputed": context.imputed} if context.imputed else {})},
                meta=manifest.to_meta(), seconds=time.monotonic() - started,
            )


def _trim(rows: DataFrame) -> DataFrame:
    """The rows without the file and record of good ones, which aren't needed any more."""
    metadata = {name: F.when(F.col(REJECT).isNotNull(), F.col(name)) for name in (FILE, RECORD)}
    return rows.withColumns(metadata)


def _rejected(rows: DataFrame, file: Column, record: Column) -> DataFrame:
    """The rejected rows, with the columns of a quarantine."""
    return replace_invalid_utf8(rows.where(F.col(REJECT).isNotNull()).select(
        file.alias("file"),
        F.col(f"{REJECT}.rule").alias("rule"),
        F.col(f"{REJECT}.reason").alias("reason"),
        record.alias("record"),
    ))
