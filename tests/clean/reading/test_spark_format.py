"""Any other format: each file's own columns count, none is lost for what the first file has; damage is named."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from laketrain.config.clean import CleanTable
from laketrain.config.sources import FileSource
from laketrain.errors import DataError

from ...tables import Cleaned, ingest_files, rows_of
from .avro_builder import avro, schema
from .columnar.test_conversion import in_parquet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOREIGN = "org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat"
"""A reader that is always there, and of which laketrain knows nothing."""


def cleaned(spark: SparkSession, folder: Path, files: Mapping[str, bytes], columns: Any = "infer", form: str = FOREIGN,
            drift: Mapping[str, str] | None = None, **options: Any) -> Cleaned:
    from laketrain.clean import clean, fingerprint_clean

    source = FileSource.model_validate({"format": form, "path": str(folder / "landing"), "schema": columns,
                                        "options": options, "drift": drift or {}})
    raw = ingest_files(folder, files, source)
    table = CleanTable.model_validate({"max_reject_fraction": 1.0})
    version = clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))
    return Cleaned(version, rows_of(version), rows_of(raw.lake.table("quarantine", "table").latest()))


def rows(found: Cleaned) -> list[dict[str, Any]]:
    return sorted(found.rows, key=str)


def parquet(**columns: Any) -> bytes:
    return in_parquet(pa.table(columns))


def test_a_column_that_only_a_later_file_has_drifts_as_the_policy_says(spark: SparkSession, tmp_path: Path):
    files = {"a": parquet(id=[1], x=["a"]), "b": parquet(id=[2], x=["b"], y=["c"])}
    columns = {"id": "bigint", "x": "string"}
    with pytest.raises(DataError, match=r"raw/table@1/b: has the column 'y' \(string\)"):
        cleaned(spark, tmp_path / "1", files, columns, drift={"new": "fail"})
    kept = cleaned(spark, tmp_path / "2", files, columns, drift={"new": "keep"})
    assert rows(kept) == [{"id": 1, "x": "a", "y": None}, {"id": 2, "x": "b", "y": "c"}]
    assert cleaned(spark, tmp_path / "3", files, columns).version.entry.meta["drift"] == {"new": {"y": 1}}
    declared = cleaned(spark, tmp_path / "4", files, {**columns, "y": "string"}, drift={"missing": "nulls"})
    assert rows(declared) == rows(kept)
    with pytest.raises(DataError, match="raw/table@1/a: has no column 'y'"):
        cleaned(spark, tmp_path / "5", files, {**columns, "y": "string"})


def test_a_type_that_the_declared_one_holds_is_widened_and_another_is_refused(spark: SparkSession, tmp_path: Path):
    files = {"a": parquet(id=pa.array([1], pa.int32()), x=pa.array([1.5], pa.float32())),
             "b": parquet(id=[2**40], x=[1e300])}
    assert rows(cleaned(spark, tmp_path / "1", files, {"id": "bigint", "x": "double"})) == [
        {"id": 1, "x": 1.5}, {"id": 2**40, "x": 1e300}]
    assert rows(cleaned(spark, tmp_path / "2", files, {"id": "decimal(20,1)"})) == [
        {"id": Decimal("1.0")}, {"id": Decimal(2**40)}]
    with pytest.raises(DataError, match="raw/table@1/b: column 'id' is bigint, expected double"):
        cleaned(spark, tmp_path / "3", files, {"id": "double"})
    text = cleaned(spark, tmp_path / "4", files, {"id": "int"}, drift={"retyped": "string"})
    assert rows(text) == [{"id": "1"}, {"id": str(2**40)}]


def test_only_an_absent_reader_is_answered_with_its_package(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="Spark has no such reader here") as caught:
        cleaned(spark, tmp_path / "1", {"a": b"x"}, form="geoparquet")
    assert "spark.jars.packages" in caught.value.hint
    with pytest.raises(DataError, match="raw/table@1/a: can't be read as") as caught:
        cleaned(spark, tmp_path / "2", {"a": b"no such file"})
    assert "spark.jars.packages" not in caught.value.hint


def test_the_path_of_a_binary_file_is_that_of_the_landing_zone(spark: SparkSession, tmp_path: Path):
    found = cleaned(spark, tmp_path, {"[a]/x y.bin": b"\0\1"}, {"path": "string", "content": "binary"}, "binaryFile",
                    {"new": "ignore"})
    assert found.rows == [{"path": "[a]/x y.bin", "content": b"\0\1"}]


def test_a_number_of_libsvm_beyond_double_is_no_infinite_one(spark: SparkSession, tmp_path: Path):
    found = cleaned(spark, tmp_path, {"a.txt": b"1 1:0.5 3:1\n0 2:1e400\n-1e999 1:1\n"}, form="libsvm")
    assert [row["label"] for row in found.rows] == [1.0]
    assert [row["reason"] for row in found.refused] == [
        "has a number beyond double in 'features'", "has a number beyond double in 'label'"]


def test_a_nested_column_that_becomes_text_is_json(spark: SparkSession, tmp_path: Path):
    files = {"a": parquet(x=[["a, b", "c"], ["a", "b, c"]]), "b": parquet(x=["d"])}
    found = cleaned(spark, tmp_path, files, {"x": "string"}, drift={"retyped": "string"})
    assert sorted(row["x"] for row in found.rows) == ['["a","b, c"]', '["a, b","c"]', "d"]


# ---- Avro


@pytest.fixture
def with_avro(with_connectors: list[str]) -> None:
    """Skips where Spark's reader of Avro can't be had."""
    if not any("spark-avro" in jar for jar in with_connectors):
        pytest.skip("no reader of Avro")


@pytest.mark.usefixtures("with_avro")
def test_avro_files_of_several_schemas_lose_no_column(spark: SparkSession, tmp_path: Path):
    files = {"a.avro": avro(schema(id="int", x="string"), [[1, "a"]]),
             "b.data": avro(schema(id="long", y="string"), [[2**40, "b"]])}
    found = cleaned(spark, tmp_path, files, {"id": "bigint", "x": "string", "y": "string"}, "avro",
                    {"missing": "nulls"})
    assert rows(found) == [{"id": 1, "x": "a", "y": None}, {"id": 2**40, "x": None, "y": "b"}]
    assert found.version.entry.counts["in"] == 2


@pytest.mark.usefixtures("with_avro")
@pytest.mark.parametrize(("damage", "said"), [
    (lambda whole: b"", "it is empty"), (lambda whole: whole[:-20], "it is cut off"),
    (lambda whole: whole[:-1] + b"?", "doesn't end with its sync marker"),
    (lambda whole: b"x" + whole, "doesn't start with Obj"),
])
def test_an_avro_file_that_is_damaged_is_named_with_what_helps(spark: SparkSession, tmp_path: Path, damage: Any,
                                                               said: str):
    whole = avro(schema(id="long"), [[number] for number in range(9)])
    with pytest.raises(DataError, match=f"raw/table@1/b.avro: isn't a readable Avro file: .*{said}") as caught:
        cleaned(spark, tmp_path, {"a.avro": whole, "b.avro": damage(whole)}, form="avro")
    assert caught.value.hint == "land a whole file, then ingest again"


@pytest.mark.usefixtures("with_avro")
def test_a_time_in_nanoseconds_is_no_bare_number_unless_it_is_declared_one(spark: SparkSession, tmp_path: Path):
    kind = schema(id="long", t={"type": "long", "logicalType": "timestamp-nanos"})
    files = {"a.avro": avro(kind, [[1, 1577836800123456789]])}
    with pytest.raises(DataError, match="column 't' has timestamp-nanos") as caught:
        cleaned(spark, tmp_path / "1", files, form="avro")
    assert "this one bigint" in caught.value.hint
    assert cleaned(spark, tmp_path / "2", files, {"id": "bigint"}, "avro").rows == [{"id": 1}]
    assert cleaned(spark, tmp_path / "3", files, {"t": "bigint"}, "avro").rows == [{"t": 1577836800123456789}]
    with pytest.raises(DataError, match="the new column 't' has timestamp-nanos"):
        cleaned(spark, tmp_path / "4", files, {"id": "bigint"}, "avro", {"new": "keep"})


@pytest.mark.usefixtures("with_avro")
def test_an_avro_type_that_spark_has_none_for_is_left_out_by_a_schema(spark: SparkSession, tmp_path: Path):
    wide = {"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2}
    files = {"a.avro": avro(schema(id="long", d=wide), [[1, b"\1"]])}
    with pytest.raises(DataError, match="can't be read as avro: .*precision 50") as caught:
        cleaned(spark, tmp_path / "1", files, {"id": "bigint"}, "avro")
    assert "options.avroSchema" in caught.value.hint
    alone = '{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}'
    assert cleaned(spark, tmp_path / "2", files, {"id": "bigint"}, "avro", avroSchema=alone).rows == [{"id": 1}]
