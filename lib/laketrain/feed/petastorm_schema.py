"""Reads the schema of a Petastorm dataset, which Petastorm pickles, without importing what the pickle names.

    features = stored_features(metadata[SCHEMA_KEY], subject="dataset/_common_metadata")

The unpickler accepts only the classes that a schema needs, and builds plain stand-ins for them. Nothing of Petastorm,
PySpark or any other package is imported or run.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet
from laketrain.features.stored import Encoding, Stored

_MOST_BYTES = 64 << 20


def stored_features(saved: bytes, subject: str) -> FeatureSet:
    """A feature for each field of a pickled schema. `subject` names it in errors.

    Raises:
        DataError: the pickle is damaged or names a class that no schema needs; a field has an unknown type.
    """
    return FeatureSet.of({name: _stored(name, field) for name, field in unpickle_schema(saved, subject).items()})


def _stored(name: str, field: _Field) -> Stored:
    dtype_name = _TYPES.get(field.dtype, "")
    if not dtype_name:
        raise DataError("feed", f"column {name!r}", f"has values of unknown type {field.dtype!r}",
                        nearest(str(field.dtype), _TYPES.values()))
    encoding: Encoding = _ENCODINGS.get(type(field.codec), "scalar")
    return Stored(column=name, dtype_name=dtype_name, sizes=tuple(field.shape), nullable=bool(field.nullable),
                  encoding="list" if encoding == "scalar" and field.shape else encoding)


def unpickle_schema(saved: bytes, subject: str) -> dict[str, _Field]:
    """The fields of a pickled `petastorm.unischema.Unischema`, by name. Raises DataError as `stored_features` does."""
    if len(saved) > _MOST_BYTES:
        raise DataError("feed", subject, f"its schema has {len(saved)} bytes, expected at most {_MOST_BYTES}")
    try:
        schema = _Unpickler(io.BytesIO(saved), subject).load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly any exception
        raise DataError("feed", subject, f"its schema can't be read: {error}") from error
    fields = getattr(schema, "_fields", None)
    if not isinstance(schema, _Schema) or not isinstance(fields, Mapping):
        raise DataError("feed", subject, "its schema isn't one of Petastorm's")
    return {str(name): field for name, field in fields.items() if isinstance(field, _Field)}


class _Field(tuple[Any, ...]):
    """A UnischemaField: name, type, shape, codec and, in later versions, nullable."""

    def __new__(cls, *values: Any) -> _Field:
        return super().__new__(cls, values)

    def __setstate__(self, state: Any) -> None:
        """Ignores it. Otherwise a pickle could change attributes of this class for the whole process."""

    @property
    def dtype(self) -> Any:
        return self[1]

    @property
    def shape(self) -> Any:
        return self[2]

    @property
    def codec(self) -> Any:
        return self[3] if len(self) > 3 else None

    @property
    def nullable(self) -> Any:
        return self[4] if len(self) > 4 else False


class _Standin:
    """An unpickled object of some class: its state and nothing else."""

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state if isinstance(state, dict) else {})


class _Schema(_Standin):
    pass


class _Ndarray(_Standin):
    pass


class _Compressed(_Standin):
    pass


class _Image(_Standin):
    pass


class _Scalar(_Standin):
    pass


class _SparkType(_Standin):
    pass


def _reconstruct(kind: Any, base: Any, state: Any) -> Any:
    """`copyreg._reconstructor`, restricted to the classes of this module."""
    if kind is _Field:
        return _Field(*state)
    return kind()


def _restore_namedtuple(name: str, fields: Any, values: Any) -> Any:
    """Rebuilds a named tuple that an old PySpark pickled in its own way."""
    return _Field(*values)


_ENCODINGS: dict[type, Encoding] = {_Ndarray: "ndarray", _Compressed: "compressed", _Image: "image",
                                    _Scalar: "scalar"}
_NUMBERS = ("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
            "float64", "datetime64")
_TYPES: dict[Any, str] = {**{getattr(np, name): np.dtype(getattr(np, name)).name for name in _NUMBERS[:-1]},
                          np.datetime64: "datetime64[ns]", np.str_: "str", np.bytes_: "bytes", Decimal: "decimal",
                          str: "str", bytes: "bytes", bool: "bool", int: "int64", float: "float64"}
_PACKAGES = ("petastorm", "av.ml.dataset_toolkit", "av.experimental.deepdrive.dataset_toolkit")
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"{package}.unischema", name): kind for package in _PACKAGES
       for name, kind in (("Unischema", _Schema), ("UnischemaField", _Field))},
    **{(f"{package}.codecs", name): kind for package in _PACKAGES
       for name, kind in (("NdarrayCodec", _Ndarray), ("CompressedNdarrayCodec", _Compressed),
                          ("CompressedImageCodec", _Image), ("ScalarCodec", _Scalar))},
    **{("pyspark.sql.types", f"{name}Type"): _SparkType
       for name in ("Boolean", "Byte", "Short", "Integer", "Long", "Float", "Double", "Decimal", "String", "Binary",
                    "Date", "Timestamp", "TimestampNTZ", "Null", "Array")},
    **{("numpy", name): getattr(np, name) for name in _NUMBERS},
    ("numpy", "bool"): np.bool_,  # since NumPy 2
    ("numpy", "str_"): np.str_, ("numpy", "unicode_"): np.str_,
    ("numpy", "bytes_"): np.bytes_, ("numpy", "string_"): np.bytes_,
    ("collections", "OrderedDict"): OrderedDict, ("decimal", "Decimal"): Decimal,
    ("pyspark.serializers", "_restore"): _restore_namedtuple,
    **{(module, "_reconstructor"): _reconstruct for module in ("copy_reg", "copyreg")},
    **{(module, name): kind for module in ("__builtin__", "builtins")
       for name, kind in (("object", object), ("tuple", tuple), ("str", str), ("unicode", str), ("bytes", bytes),
                          ("bool", bool), ("int", int), ("long", int), ("float", float))},
}
"""Every (module, name) that a schema's pickle may contain, and its stand-in."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, subject: str) -> None:
        super().__init__(file)
        self._subject = subject

    def find_class(self, module: str, name: str) -> Any:
        standin = _ALLOWED.get((module, name))
        if standin is None:
            raise DataError("feed", self._subject, f"its schema's pickle names {module}.{name}, which no schema needs",
                            "don't open it: a pickle can run whatever it names")
        return standin
