from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from pyspark.sql.types import LongType, StringType

from laketrain.errors import DataError
from laketrain.features import FeatureSet

DECLARED = {"image": {"kind": "image", "column": "pixels", "shape": [2, 2, 1]},
            "label": {"kind": "label", "classes": 3},
            "id": {"kind": "key"}}
FEATURES = FeatureSet.model_validate(DECLARED)
TABLE = pa.table({"pixels": pa.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9], None, [4, 3, 2, 1]]),
                  "label": [0, 7, 1, 9, 2], "id": ["a", "b", "c", "d", "e"], "more": [0, 0, 0, 0, 0]})


def test_a_feature_without_a_column_has_the_column_of_its_name() -> None:
    assert list(FEATURES) == ["image", "label", "id"]
    assert [feature.column for _, feature in FEATURES.items()] == ["pixels", "label", "id"]
    assert (list(FEATURES.inputs), list(FEATURES.targets), list(FEATURES.ids)) == (["image"], ["label"], ["id"])


def test_a_saved_set_is_equal_with_its_statistics() -> None:
    good = TABLE.take([0, 4]).combine_chunks().to_batches()[0]
    learnt = {name: feature.fit(feature.tally(good.column(feature.column))) for name, feature in FEATURES.items()}
    features = FeatureSet.model_validate({name: feature.model_dump() for name, feature in learnt.items()})
    assert features != FEATURES
    assert FeatureSet.from_json(features.to_json()) == features
    assert pickle.loads(pickle.dumps(features)) == features


@pytest.mark.parametrize(("declared", "message"), [
    ({}, "at least one feature"),
    ({"a-b": {"kind": "key"}}, "'a-b' can't name a feature"),
    ({"class": {"kind": "key"}}, "no Python keyword"),
    ({"_a": {"kind": "key"}}, "can't name a feature"),
    ({"x": {"kind": "imag"}}, "'image', 'label', 'key'"),
    ({"x": {}}, "kind"),
    ({"x": {"kind": "key", "colour": "red"}}, "colour"),
    ({"x": {"kind": "key", "role": "input"}}, "'id'"),
    ({"x": 3}, "x"),
])
def test_a_wrong_section_is_explained(declared: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeatureSet.model_validate(declared)


@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_rows_are_split_into_valid_ones_and_reasons(chunks: int) -> None:
    size = -(-len(TABLE) // chunks)
    table = pa.concat_tables([TABLE.slice(start, size) for start in range(0, len(TABLE), size)])
    stored, reasons = FEATURES.encode_batch(table)
    assert reasons.to_pylist() == [
        None,
        "label is class 7, expected 0..2",
        "image has 3 values, expected 4 = 2×2×1",
        "image is null; label is class 9, expected 0..2",
        None,
    ]
    assert stored.schema == FEATURES.storage_schema()
    tensors = FEATURES.tensors(stored)
    assert tensors["image"].reshape(2, 4).tolist() == [[1, 2, 3, 4], [4, 3, 2, 1]]
    assert (tensors["label"].tolist(), tensors["id"].tolist()) == ([0, 2], ["a", "e"])


def test_a_record_batch_is_encoded_like_a_table() -> None:
    stored, reasons = FEATURES.encode_batch(TABLE.to_batches()[0])
    assert stored.equals(FEATURES.encode_batch(TABLE)[0])
    assert len(reasons) == len(TABLE)


def test_tensors_without_rows_have_the_right_shape() -> None:
    for table in (TABLE.slice(0, 0), TABLE.schema.empty_table()):
        stored, reasons = FEATURES.encode_batch(table)
        assert (len(stored), len(reasons)) == (0, 0)
        assert FEATURES.tensors(stored)["image"].shape == (0, 2, 2, 1)


def test_only_the_named_tensors_are_decoded() -> None:
    stored, _ = FEATURES.encode_batch(TABLE)
    assert list(FEATURES.tensors(stored.select(["label"]), ["label"])) == ["label"]


def test_an_error_names_a_missing_column_and_the_nearest() -> None:
    with pytest.raises(DataError, match="column 'pixels': the table has no column 'pixels'.*Did you mean 'pixel'"):
        FEATURES.encode_batch(TABLE.rename_columns(["pixel", "label", "id", "more"]))
    with pytest.raises(DataError, match="feature 'image': the data has no such column"):
        FEATURES.tensors(pa.table({"label": [1]}), ["image"])
    with pytest.raises(DataError, match="Did you mean 'image'"):
        FEATURES["imag"]


def test_stored_tensors_of_another_shape_name_the_feature() -> None:
    other = FeatureSet.model_validate({**DECLARED, "image": {**DECLARED["image"], "shape": [1, 4, 1]}})
    stored, _ = FEATURES.encode_batch(TABLE)
    with pytest.raises(DataError, match=r"feature 'image'.*got uint8 \(2, 2, 1\), expected uint8 \(1, 4, 1\)"):
        other.tensors(stored)


def test_the_stored_columns_are_what_petastorm_would_store() -> None:
    pytest.importorskip("petastorm")
    from petastorm.codecs import NdarrayCodec, ScalarCodec
    from petastorm.unischema import Unischema, UnischemaField, dict_to_spark_row

    codecs = {"uint8": NdarrayCodec(), "int64": ScalarCodec(LongType()), "str": ScalarCodec(StringType())}
    types = {"uint8": np.uint8, "int64": np.int64, "str": np.str_}
    schema = Unischema("s", [UnischemaField(s.name, types[s.dtype], s.shape, codecs[s.dtype], s.nullable)
                             for s in FEATURES.storage.values()])
    stored, _ = FEATURES.encode_batch(TABLE)
    tensors = FEATURES.tensors(stored)
    for i, row in enumerate(stored.to_pylist()):
        theirs = dict_to_spark_row(schema, {name: np.array(values[i]) if values[i].shape else values[i]
                                            for name, values in tensors.items()
                                            if name != "id"} | {"id": str(tensors["id"][i])})
        assert row == theirs.asDict()
    assert [(s.codec, s.shape) for s in FEATURES.storage.values()] == [("ndarray", (2, 2, 1)), ("scalar", ()),
                                                                        ("scalar", ())]


def test_the_bytes_of_a_row_are_those_of_its_tensors() -> None:
    assert FEATURES.row_bytes(["image", "label"]) == 4 + 8
