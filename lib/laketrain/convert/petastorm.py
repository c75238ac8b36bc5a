"""The one module that imports Petastorm: it writes the metadata with which `petastorm.make_reader` reads a split.

    content = common_metadata("Train", features, row_groups={"part-00000.parquet": 3})

Petastorm stores its schema as a pickle in `_common_metadata`. We only write it; what we read is JSON.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from petastorm.codecs import CompressedImageCodec, NdarrayCodec, ScalarCodec
from petastorm.etl.dataset_metadata import ROW_GROUPS_PER_FILE_KEY, UNISCHEMA_KEY
from petastorm.unischema import Unischema, UnischemaField
from pyspark.sql import types as T

from laketrain.features import FeatureSet

_SPARK_TYPES = {
    "str": T.StringType(), "bool": T.BooleanType(), "int8": T.ByteType(), "int16": T.ShortType(),
    "int32": T.IntegerType(), "int64": T.LongType(), "float32": T.FloatType(), "float64": T.DoubleType(),
}


def common_metadata(name: str, features: FeatureSet, row_groups: Mapping[str, int]) -> bytes:
    """The content of a split's `_common_metadata`.

    Args:
        name: of the schema in Petastorm's readers.
        row_groups: their number by file, a path in the split.
    """
    fields = [_field(storage) for storage in features.storage.values()]
    metadata = {
        UNISCHEMA_KEY: pickle.dumps(Unischema(name, fields), protocol=2),
        ROW_GROUPS_PER_FILE_KEY: json.dumps(dict(row_groups)).encode(),
    }
    content = io.BytesIO()
    pq.write_metadata(features.storage_schema().with_metadata(metadata), content)
    return content.getvalue()


def _field(storage: Any) -> UnischemaField:
    if storage.codec == "ndarray":
        return UnischemaField(storage.name, np.dtype(storage.dtype).type, storage.shape, NdarrayCodec(), False)
    if storage.codec in ("png", "jpeg"):
        return UnischemaField(storage.name, np.uint8, storage.shape, _image_codec(storage.codec), False)
    scalar = np.str_ if storage.dtype == "str" else np.dtype(storage.dtype).type
    return UnischemaField(storage.name, scalar, (), ScalarCodec(_SPARK_TYPES[storage.dtype]), False)


def _image_codec(format: str) -> CompressedImageCodec:
    """A codec made without its constructor, which needs OpenCV; only Petastorm's own readers use that."""
    codec = CompressedImageCodec.__new__(CompressedImageCodec)
    # The quality counts when Petastorm itself writes.
    codec._image_codec, codec._quality = f".{format}", 80
    return codec
