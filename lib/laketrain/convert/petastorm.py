"""Writes the metadata with which `petastorm.make_reader` reads a split. Petastorm itself isn't needed.

    content = common_metadata("Train", features, row_groups={"part-00000.parquet": 3})

Petastorm stores its schema as a pickle in `_common_metadata`. We only write it; what we read is JSON.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pyarrow.parquet as pq

from laketrain.convert.petastorm_pickle import (
    Codec,
    Field,
    image_codec,
    ndarray_codec,
    pickle_schema,
    scalar_codec,
)
from laketrain.features import FeatureSet
from laketrain.features.base import Storage
from laketrain.features.stored import SCHEMA_KEY

ROW_GROUPS_PER_FILE_KEY = b"dataset-toolkit.num_row_groups_per_file.v1"

_SPARK_TYPES = {
    "str": "StringType", "bool": "BooleanType", "int8": "ByteType", "int16": "ShortType", "int32": "IntegerType",
    "int64": "LongType", "float32": "FloatType", "float64": "DoubleType",
}
_NUMPY_NAMES = {"str": "str_", "bool": "bool_"}
"""Names that NumPy 1 and 2 both have."""


def common_metadata(name: str, features: FeatureSet, row_groups: Mapping[str, int]) -> bytes:
    """The content of a split's `_common_metadata`.

    Args:
        name: of the schema in Petastorm's readers.
        row_groups: their number by file, a path in the split.
    """
    metadata = {
        SCHEMA_KEY: pickle_schema(name, [_field(storage) for storage in features.storage.values()]),
        ROW_GROUPS_PER_FILE_KEY: json.dumps(dict(row_groups)).encode(),
    }
    content = io.BytesIO()
    pq.write_metadata(features.storage_schema().with_metadata(metadata), content)
    return content.getvalue()


def _field(storage: Storage) -> Field:
    scalar_type = _NUMPY_NAMES.get(storage.dtype, storage.dtype)
    shape = () if storage.codec == "scalar" else storage.shape
    return Field(storage.name, scalar_type, shape, _codec(storage))


def _codec(storage: Storage) -> Codec:
    if storage.codec == "ndarray":
        return ndarray_codec()
    if storage.codec == "scalar":
        return scalar_codec(_SPARK_TYPES[storage.dtype])
    return image_codec(storage.codec)
