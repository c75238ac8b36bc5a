"""Tables that others wrote in folders by a column's values: the column is read from the paths, whoever wrote them."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from laketrain.clean.reading.partitions import path_columns
from laketrain.config.sources import FileSource
from laketrain.errors import DataError

from ...tables import ingest_source, land_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = {"id": "bigint", "day": "date", "shop": "string"}
ROWS = [{"id": number, "day": date(2026, 11, 1 + number % 2), "shop": ["Köln / Süd", "50% + 1", "a=b"][number % 3]}
        for number in range(12)]


def read(spark: SparkSession, folder: Path, columns: Any = COLUMNS, form: str = "parquet",
         missing: str = "fail") -> list[dict[str, Any]]:
    """The rows that are good, and of others their file and why not."""
    from laketrain.clean.reading import FILE, REJECT, SETTINGS, read_raw
    from laketrain.spark.frames import configured

    options = {"header": True} if form == "csv" else {}
    source = FileSource.model_validate({"format": form, "path": str(folder / "landing"), "schema": columns,
                                        "drift": {"missing": missing}, "options": options})
    raw = ingest_source(folder, source)
    with configured(spark, SETTINGS):
        rows = [row.asDict() for row in read_raw(spark, raw, source).collect()]
    return [{name: value for name, value in row.items() if not name.startswith("_")} if row[REJECT] is None else
            {"file": row[FILE], "reason": row[REJECT]["reason"]} for row in rows]


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["id"])


def by_arrow(table: pa.Table, folder: Path) -> None:
    ds.write_dataset(table, folder, format="parquet", partitioning=["day", "shop"], partitioning_flavor="hive")


def by_pandas(table: pa.Table, folder: Path) -> None:
    table.to_pandas().to_parquet(folder, partition_cols=["day", "shop"])


def by_duckdb(table: pa.Table, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    duckdb.register("given", table)
    duckdb.execute(f"COPY given TO '{folder}' (FORMAT parquet, PARTITION_BY (day, shop))")


def by_spark(table: pa.Table, folder: Path) -> None:
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    assert active is not None
    active.createDataFrame(table.to_pandas()).write.partitionBy("day", "shop").parquet(str(folder))


@pytest.mark.parametrize("writer", [by_arrow, by_pandas, by_duckdb, by_spark])
def test_columns_in_paths_are_read_whoever_wrote_them(spark: SparkSession, tmp_path: Path, writer: Any) -> None:
    writer(pa.Table.from_pylist(ROWS), tmp_path / "landing")
    assert by_id(read(spark, tmp_path)) == ROWS


@pytest.mark.parametrize("writer", [by_arrow, by_pandas, by_duckdb, by_spark])
def test_they_are_text_where_the_schema_is_inferred(spark: SparkSession, tmp_path: Path, writer: Any) -> None:
    writer(pa.Table.from_pylist(ROWS), tmp_path / "landing")
    assert by_id(read(spark, tmp_path, "infer")) == [{**row, "day": str(row["day"])} for row in ROWS]


def test_hives_word_for_nothing_is_null_and_a_value_of_another_type_rejects_its_rows(
        spark: SparkSession, tmp_path: Path) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2]}), content)
    land_files(tmp_path / "landing", {"day=__HIVE_DEFAULT_PARTITION__/a.parquet": content.getvalue(),
                                      "day=yesterday/a.parquet": content.getvalue()})
    rows = read(spark, tmp_path, {"id": "bigint", "day": "date"})
    assert by_id([row for row in rows if "id" in row]) == [{"id": 1, "day": None}, {"id": 2, "day": None}]
    assert [row for row in rows if "id" not in row] == 2 * [
        {"file": "day=yesterday/a.parquet", "reason": "has yesterday for day in its path, expected date"}]


def test_text_formats_have_them_too(spark: SparkSession, tmp_path: Path) -> None:
    land_files(tmp_path / "landing", {"day=2026-11-01/a.json": '{"id": 1}\n', "day=2026-11-02/a.json": '{"id": 2}\n'})
    assert by_id(read(spark, tmp_path, {"id": "bigint", "day": "string"}, "json")) == [
        {"id": 1, "day": "2026-11-01"}, {"id": 2, "day": "2026-11-02"}]


def test_a_file_beside_the_folders_lacks_the_column_and_is_named(spark: SparkSession, tmp_path: Path) -> None:
    land_files(tmp_path / "landing", {"day=2026-11-01/a.json": '{"id": 1}\n', "b.json": '{"id": 2}\n'})
    with pytest.raises(DataError, match="has no column 'day'"):
        read(spark, tmp_path, {"id": "bigint", "day": "date"}, "json")


def test_the_index_of_pandas_is_a_column(spark: SparkSession, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.5, None]}, index=pd.Index(["a", "b"], name="id"))
    (tmp_path / "landing").mkdir()
    frame.to_parquet(tmp_path / "landing" / "a.parquet")
    assert by_id(read(spark, tmp_path, {"id": "string", "x": "double"})) == [
        {"id": "a", "x": 1.5}, {"id": "b", "x": None}]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_values_are_those_of_the_source_whatever_characters_they_have(spark: SparkSession, tmp_path: Path,
                                                                      form: str) -> None:
    """Those of patterns have other names in the lake, and of all some are written in Hive's escapes."""
    folders = {"what?": "what?", "[x]": "[x]", "[50%]": "[50%]", "%5By%5D": "[y]", "a*b{c}\\": "a*b{c}\\",
               "_x_": "_x_", "50% + 1": "50% + 1", "[Köln %2F Süd]": "[Köln / Süd]"}
    content = io.BytesIO()
    pq.write_table(pa.table({"id": [1]}), content)
    text: dict[str, str | bytes] = {"csv": "id\n1\n", "json": '{"id": 1}\n', "parquet": content.getvalue()}
    land_files(tmp_path / "landing", {f"shop={folder}/[0].{form}": text[form] for folder in folders})
    rows = read(spark, tmp_path, {"id": "bigint", "shop": "string"}, form)
    assert sorted(row["shop"] for row in rows) == sorted(folders.values())
    assert [row["id"] for row in rows] == [1] * len(folders)


def test_a_column_whose_name_has_such_characters_is_read_too(spark: SparkSession, tmp_path: Path) -> None:
    land_files(tmp_path / "landing", {"[shop]=a?/x.json": '{"id": 1}\n'})
    assert read(spark, tmp_path, "infer", "json") == [{"id": 1, "[shop]": "a?"}]


def test_only_what_is_asked_for_is_a_column_whatever_its_capitals() -> None:
    from pyspark.sql import types as T

    wanted = T.StructType([T.StructField(name, T.StringType()) for name in ("c", "A")])
    assert path_columns("a=1/b=2/x", None) == ("a", "b")
    assert path_columns("=1/a=/b/c=d.csv", None) == ("a",)
    assert path_columns("a=1/b=2/x", wanted) == ("A",)
    assert path_columns("a=1/C=3/A=2/x", wanted) == ("c", "A")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_column_that_only_some_paths_have_is_null_elsewhere_or_read_from_the_file(
        spark: SparkSession, tmp_path: Path, form: str) -> None:
    def file(**row: Any) -> str | bytes:
        content = io.BytesIO()
        pq.write_table(pa.table({name: [value] for name, value in row.items()}), content)
        lines = {"csv": ",".join(row) + "\n" + ",".join(map(str, row.values())), "json": json.dumps(row)}
        return lines.get(form, content.getvalue())

    land_files(tmp_path / "landing", {"day=1/a": file(id=1), "Day=2/hour=3/b": file(id=2), "c": file(id=3, day="4"),
                                      "d": file(id=4)})
    columns = {"id": "bigint", "day": "string", "hour": "int"}
    rows = by_id(read(spark, tmp_path, columns, form, missing="nulls"))
    assert [(row["id"], row["day"], row["hour"]) for row in rows] == [
        (1, "1", None), (2, "2", 3), (3, "4", None), (4, None, None)]
    with pytest.raises(DataError, match="has no column 'hour'"):
        read(spark, tmp_path, columns, form)
    with pytest.raises(DataError, match=r"in its path, but .* has\. Next: declare the columns"):
        read(spark, tmp_path, "infer", form)


@pytest.mark.parametrize(("path", "column", "said"), [
    ("Day=2026-11-20/0.parquet", "day", "has the columns 'day' and 'Day', which Spark can't distinguish"),
    ("0.parquet", "_File", "has the column '_File', which laketrain reserves")])
def test_inferred_columns_of_which_one_would_hide_another_are_refused(spark: SparkSession, tmp_path: Path, path: str,
                                                                      column: str, said: str) -> None:
    (tmp_path / "landing" / path).parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [1], column: ["x"]}), tmp_path / "landing" / path)
    with pytest.raises(DataError) as caught:
        read(spark, tmp_path, "infer")
    assert said in str(caught.value) and "instead of schema: infer" in str(caught.value)
