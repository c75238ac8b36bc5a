"""Valid sources of files, and the problems of invalid ones."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.sources import FileSource


def source(**settings: Any) -> FileSource:
    return FileSource.model_validate({"path": "x", **settings})


@pytest.mark.parametrize(("settings", "columns"), [
    ({"format": "csv", "schema": {"id": "string"}}, {"id": "string"}),
    ({"format": "csv", "schema": "infer"}, None),
    ({"format": "orc", "schema": {"id": "string"}, "drift": {"new": "keep"}}, None),
    ({"format": "text"}, {"text": "string"}),
    ({"format": "images"}, {"path": "string", "folder": "string", "content": "binary", "bytes": "bigint"}),
    ({"format": "com.some.Reader", "schema": {"id": "string"}}, {"id": "string"}),
    ({"format": "excel", "schema": {"id": "string"}}, {"id": "string"}),
])
def test_columns_are_known_if_the_config_declares_them(settings: dict[str, Any], columns: dict[str, str] | None):
    assert source(**settings).columns == columns


@pytest.mark.parametrize(("settings", "message"), [
    ({"format": "csv"}, "the key 'schema' is missing"),
    ({"format": "csv", "schema": {"id": "int", "a": "array<int>"}}, "'array<int>' for 'a', which CSV can't contain"),
    ({"format": "cvs", "schema": "infer"}, "Did you mean 'csv'?"),
    ({"format": "image"}, "Did you mean 'images'?"),
    ({"format": "Parquet", "schema": "infer"}, "expected csv, json, parquet"),
    ({"format": "Parquet", "schema": "infer"}, "Did you mean 'parquet'?"),
    ({"format": "KAFKA"}, "Did you mean 'kafka'?"), ({"format": "BINARYFILE"}, "Did you mean 'binaryFile'?"),
    ({"format": "csv", "schema": "infre"}, "Input should be 'infer'"),
    ({"format": "images", "schema": {"id": "string"}}, "whose columns are path, folder, content, bytes"),
    ({"format": "images", "options": {"x": 1}}, "received options for images"),
    ({"format": "text", "drift": {"new": "fail"}}, "received drift for text"),
    ({"format": "text", "options": {"encoding": "UTF-16"}}, "received encoding: UTF-16 for text"),
    ({"format": "csv", "schema": "infer", "max_file_mb": 2}, "received max_file_mb for csv"),
    ({"format": "json", "schema": "infer", "drift": {"retyped": "string"}}, "json files carry no types"),
    ({"format": "csv", "schema": "infer", "options": {"encoding": "utf-9"}}, "the unknown encoding 'utf-9'"),
    ({"format": "csv", "schema": "infer", "options": {"pathGlobFilter": "*.csv"}}, "would skip landed files"),
    ({"format": "orc", "schema": "infer", "options": {"ignoreCorruptFiles": True}}, "would skip landed files"),
    ({"format": "avro", "schema": "infer", "options": {"ignoreExtension": False}}, "would skip landed files"),
    ({"format": "csv", "schema": "infer", "options": {"mode": "DROPMALFORMED"}}, "would silently drop records"),
    ({"format": "excel", "schema": "infer", "options": {"Mode": "dropMalformed"}}, "would silently drop records"),
    ({"format": "json", "schema": "infer", "options": {"mode": "FAILFAST"}}, "max_reject_fraction to 0"),
    ({"format": "xml", "schema": "infer"}, "the option 'rowTag' is missing"),
    ({"format": "xml", "schema": "infer", "options": {"rowTag": "<b>"}}, "Write it without brackets"),
    ({"format": "xml", "schema": "infer", "options": {"rowtag": "b", "nullVale": ""}}, "Did you mean 'nullValue'?"),
    ({"format": "xml", "schema": "infer", "options": {"rowTag": "b", "inferSchema": True}}, "XML has no types"),
    ({"format": "xml", "schema": "infer", "options": {"rowTag": "b"}, "drift": {"retyped": "string"}},
     "xml files carry no types"),
])
def test_an_invalid_source_is_refused_with_the_reason(settings: dict[str, Any], message: str):
    with pytest.raises(ValidationError) as caught:
        source(**settings)
    [error] = caught.value.errors()
    texts = error["ctx"]["error"].args if error["type"] == "value_error" else (error["msg"],)
    assert message in " ".join(texts)


@pytest.mark.parametrize("settings", [
    {"format": "csv", "schema": "infer"}, {"format": "orc", "schema": {"id": "int"}, "drift": {"new": "keep"}},
    {"format": "text"}, {"format": "images", "max_file_mb": 2}, {"format": "audio"},
    {"format": "excel", "schema": {"id": "string"}}, {"format": "xml", "schema": "infer", "options": {"rowTag": "b"}},
    {"format": "avro", "schema": "infer", "options": {"ignoreExtension": True}},
])
def test_a_source_written_out_in_full_is_the_same_source(settings: dict[str, Any]):
    written = source(**settings).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert FileSource.model_validate(written) == source(**settings)
