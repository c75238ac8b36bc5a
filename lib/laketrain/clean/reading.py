"""A raw version as a DataFrame in which every row knows its file, its record as it came, and whether it was readable.

    frame = read_raw(spark, raw, source)        # declared columns, then FILE, RECORD, REJECT
"""

from __future__ import annotations

from typing import cast

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.lake import Version

FILE, RECORD, REJECT = "_file", "_record", "_reject"
_CORRUPT = "_corrupt"
_REJECTION = "struct<rule:string,reason:string>"


def rejection(rule: Column, reason: Column) -> Column:
    """The mark of a rejected row."""
    return F.struct(rule.alias("rule"), reason.alias("reason"))


def read_raw(spark: SparkSession, raw: Version, source: Source) -> DataFrame:
    """The rows of `raw` in the declared types. A record that can't be read at all is there too, marked as rejected.

    Raises DataError where a file isn't of the declared format or schema.
    """
    declared = _declared_schema(raw, source)
    if source.format == "parquet":
        frame = _read_parquet(spark, raw, declared)
        corrupt: Column = F.lit(None).cast("string")
    else:
        frame = _read_text(spark, raw, source, declared)
        corrupt = F.col(_CORRUPT)
    columns = [F.col(_quoted(name)) for name in declared.fieldNames()]
    unreadable = rejection(F.lit("readable"), F.lit(f"is no {source.format} record of {len(columns)} fields"))
    return frame.select(
        *columns,
        F.col("_metadata.file_name").alias(FILE),
        F.coalesce(corrupt, F.to_json(F.struct(*columns))).alias(RECORD),
        F.when(corrupt.isNotNull(), unreadable).otherwise(F.lit(None).cast(_REJECTION)).alias(REJECT),
    )


def _read_text(spark: SparkSession, raw: Version, source: Source, declared: T.StructType) -> DataFrame:
    options = {**source.options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    if source.format == "csv":
        # Else Spark takes columns by place and never looks at the header's names.
        options["enforceSchema"] = "false"
    schema = T.StructType([*declared.fields, T.StructField(_CORRUPT, T.StringType())])
    return spark.read.format(source.format).schema(schema).options(**options).load(_urls(raw))


def _read_parquet(spark: SparkSession, raw: Version, declared: T.StructType) -> DataFrame:
    import pyarrow.parquet as pq
    from pyspark.sql.pandas.types import from_arrow_type

    store = raw.lake.store
    for file in raw.entry.files:
        try:
            with store.open(raw.path(file.path)) as handle:
                found = {field.name: from_arrow_type(field.type) for field in pq.read_schema(handle)}
        except Exception as error:
            raise DataError("clean", f"{raw.ref}/{file.path}", f"is no readable Parquet file: {error}",
                            "land a whole file, then ingest again") from error
        for field in declared.fields:
            received = found.get(field.name)
            if received is None:
                raise DataError("clean", f"{raw.ref}/{file.path}", f"has no column {field.name!r}, but "
                                f"{', '.join(found)}", "mend the source's schema, or the file")
            if received != field.dataType:
                raise DataError("clean", f"{raw.ref}/{file.path}", f"column {field.name!r} is "
                                f"{received.simpleString()}, expected {field.dataType.simpleString()}",
                                "mend the source's schema, or the file")
    return spark.read.schema(declared).parquet(*_urls(raw))


def _declared_schema(raw: Version, source: Source) -> T.StructType:
    text = ", ".join(f"{_quoted(name)} {kind}" for name, kind in source.columns.items())
    try:
        return cast(T.StructType, T.StructType.fromDDL(text))
    except (ParseException, AnalysisException) as error:
        raise DataError("clean", f"schema of source {raw.name!r}", str(error).splitlines()[0],
                        "use Spark SQL types such as string, int, double, timestamp, array<int>") from error


def _urls(raw: Version) -> list[str]:
    return [raw.url(file.path) for file in raw.entry.files]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
