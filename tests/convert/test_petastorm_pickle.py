"""The schema's pickle has the bytes that Petastorm's own pickle has, and Petastorm reads it."""

from __future__ import annotations

import io
import pickle
import pickletools
import sys

import pytest

from laketrain.convert.petastorm_pickle import Field, image_codec, ndarray_codec, pickle_schema, scalar_codec
from laketrain.feed.petastorm_schema import unpickle_schema

FIELDS = [
    Field("image", "uint8", (28, 28, 1), ndarray_codec()),
    Field("photo", "uint8", (None, None, 3), image_codec("jpeg")),
    Field("sound", "float32", (70_000,), ndarray_codec()),
    Field("matrix", "float64", (300, 2, 2, 2), ndarray_codec()),
    Field(sys.intern("köln"), "str_", (), scalar_codec("StringType")),
    Field(sys.intern("town"), "str_", (), scalar_codec("StringType")),
    Field("flag", "bool_", (), scalar_codec("BooleanType")),
    *(Field(sys.intern(f"n{index}"), "int64", (), scalar_codec("LongType")) for index in range(100)),
]


def test_pythons_own_tools_find_a_whole_pickle_of_protocol_2():
    content = pickle_schema("Train", FIELDS)
    assert max(opcode.proto for opcode, _, _ in pickletools.genops(content)) == 2
    pickletools.dis(content, out=io.StringIO())  # checks the stack and the memo


@pytest.mark.parametrize("fields", [[], FIELDS[:1], FIELDS])
def test_our_reader_returns_the_fields(fields: list[Field]):
    read = unpickle_schema(pickle_schema("Train", fields), "a test")
    assert [(name, field.shape) for name, field in read.items()] == [(field.name, field.shape) for field in fields]


@pytest.mark.parametrize("fields", [FIELDS[:1], FIELDS])
def test_petastorm_reads_what_it_would_have_written(fields: list[Field]):
    import numpy as np

    unischema, codecs = pytest.importorskip("petastorm.unischema"), pytest.importorskip("petastorm.codecs")
    from pyspark.sql import types as T

    types = {"str_": T.StringType(), "bool_": T.BooleanType(), "int64": T.LongType()}

    def codec(field: Field):
        if field.codec.name == "CompressedImageCodec":
            return codecs.CompressedImageCodec("jpeg")
        if field.codec.name == "NdarrayCodec":
            return codecs.NdarrayCodec()
        return codecs.ScalarCodec(types[field.scalar_type])

    schema = unischema.Unischema("Train", [
        unischema.UnischemaField(field.name, getattr(np, field.scalar_type), field.shape, codec(field), False)
        for field in fields])
    read = pickle.loads(pickle_schema("Train", fields))
    assert (read._name, list(read.fields)) == ("Train", [field.name for field in fields])
    assert read.fields == schema.fields
    assert [vars(one.codec).keys() for one in read.fields.values()] == [
        vars(one.codec).keys() for one in schema.fields.values()]
    if np.__version__ < "2" and pickle.dumps(T.StringType(), 2).count(b"collation"):
        assert pickle_schema("Train", fields) == pickle.dumps(schema, protocol=2)
