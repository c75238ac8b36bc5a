"""Petastorm datasets that others wrote: their schema, their files, their rows; whatever version of Petastorm it was.

    dataset = PetastormDataset.at("hdfs://nn/data/cars")
    dataset.features                                        # {'image': …, 'speed': …}
    dataset.sample(8)["image"]
    with dataset.feed(batch=128, inputs=["image"], targets=["speed"], seed=1) as feed: ...

Petastorm keeps its schema as a pickle. It is read here by an unpickler that knows the names of its classes and makes
plain stand-ins of them: nothing of Petastorm, PySpark or any other package is imported, let alone run.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet
from laketrain.features.stored import Encoding, Stored
from laketrain.feed.feed import Feed, plans_of
from laketrain.feed.rows import RowReader
from laketrain.lake import Store, open_store

SCHEMA_KEY = b"dataset-toolkit.unischema.v1"
_MOST_BYTES = 64 << 20
_MB = 1 << 20


@dataclass(frozen=True)
class ForeignFile:
    """A Parquet file by its path below the dataset; `constants` are the columns that its path holds (`part=3/`)."""

    path: str
    constants: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    row_groups: Sequence[int] | None = None


@dataclass(frozen=True)
class PetastormDataset:
    """A dataset as `petastorm.materialize_dataset` leaves it. Opening it reads its schema only."""

    url: str
    store: Store
    files: tuple[ForeignFile, ...]
    features: FeatureSet

    @classmethod
    def at(cls, url: str) -> PetastormDataset:
        """Raises DataError where there is no such dataset, or its schema can't be read or is not to be trusted."""
        above, _, name = url.rstrip("/").rpartition("/")
        store = open_store(above or ".")
        paths = sorted(info.path for info in store.list(name, recursive=True))
        if f"{name}/_common_metadata" not in paths:
            raise DataError("feed", f"dataset {url}", "has no _common_metadata, so it is none of Petastorm's",
                            "give the directory that petastorm.materialize_dataset was given; read plain Parquet as a "
                            "source")
        files = tuple(_file(path) for path in paths if _is_data(path[len(name) + 1:]))
        return cls(url, store, files, _features(url, store.read(f"{name}/_common_metadata")))

    @cached_property
    def rows(self) -> int:
        """Of all files, as their footers say."""
        with self.reader([]) as reader:
            return reader.rows

    def reader(self, columns: Sequence[str] | None = None, features: FeatureSet | None = None) -> RowReader:
        """Reads rows by number, in the order of the files' names; all columns unless some are named. Close it."""
        known = features or self.features
        return RowReader(self.store, self.files, known, list(known) if columns is None else columns)

    def sample(self, rows: int = 16, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
        """Every column of some rows drawn by `seed`: name -> (rows, *shape), fewer where there are fewer."""
        with self.reader() as reader:
            return reader.read(np.sort(np.random.default_rng(seed).permutation(reader.rows)[:rows]))

    def show(self, rows: int = 16) -> Any:
        """Draws some rows. Returns the matplotlib figure, which notebooks display."""
        from laketrain.feed.show import draw

        return draw(self.sample(rows), self.features, self.url)

    def feed(self, batch: int, inputs: Sequence[str], targets: Sequence[str], *, lanes: int | str = "auto",
             seed: int = 0, shuffle: bool = True, window_mb: float = 256) -> Feed:
        """Batches of these columns, as those of our own datasets: the same for any number of ranks. Close it.

        Raises DataError where a column has no one shape, or nulls: a tensor can't hold it.
        """
        roles = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(targets, "target")}
        features = FeatureSet.of({name: self._as_tensor(name, role) for name, role in roles.items()})
        reader = self.reader(features=features)
        plans = plans_of([(reader.rows, reader.row_bytes)], batch, lanes=lanes, seed=seed, shuffle=shuffle,
                         window_bytes=int(window_mb * _MB))
        return Feed(plans, (reader,))

    def _as_tensor(self, name: str, role: str) -> Stored:
        feature = self.features[name]
        assert isinstance(feature, Stored)
        if not feature.uniform:
            what = "may be null" if feature.nullable else f"has rows of {feature.dtype_name} {feature.sizes}"
            raise DataError("feed", f"column {name!r} of {self.url}", f"{what}, which no tensor can hold",
                            "read it with reader(), and convert it; or feed another column")
        return feature.model_copy(update={"role": role})


def _is_data(path: str) -> bool:
    return path.endswith(".parquet") and not any(part.startswith(("_", ".")) for part in path.split("/"))


def _file(path: str) -> ForeignFile:
    """With the columns that Spark's `partitionBy` put into directories' names."""
    pairs = [part.split("=", 1) for part in path.split("/")[:-1] if "=" in part]
    return ForeignFile(path, tuple((name, unquote(value)) for name, value in pairs))


def _features(url: str, content: bytes) -> FeatureSet:
    try:
        metadata = pq.read_metadata(pa.BufferReader(content)).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise DataError("feed", f"{url}/_common_metadata", f"is no readable Parquet file: {error}") from error
    saved = metadata.get(SCHEMA_KEY)
    if saved is None:
        raise DataError("feed", f"{url}/_common_metadata", "holds no schema of Petastorm's",
                        "regenerate it with Petastorm's petastorm-generate-metadata.py")
    schema = unpickle_schema(saved, f"{url}/_common_metadata")
    return FeatureSet.of({name: _stored(name, field) for name, field in schema.items()})


def _stored(name: str, field: _Field) -> Stored:
    name_of_type = _TYPES.get(field.dtype, "")
    if not name_of_type:
        raise DataError("feed", f"column {name!r}", f"has values of {field.dtype!r}, which laketrain doesn't know",
                        nearest(str(field.dtype), _TYPES.values()))
    encoding: Encoding = _ENCODINGS.get(type(field.codec), "scalar")
    return Stored(column=name, dtype_name=name_of_type, sizes=tuple(field.shape), nullable=bool(field.nullable),
                  encoding="list" if encoding == "scalar" and field.shape else encoding)


# ---- the pickle


def unpickle_schema(saved: bytes, subject: str) -> dict[str, _Field]:
    """The fields of a pickled `petastorm.unischema.Unischema`, by name. Raises DataError, naming a class that no schema
    needs."""
    if len(saved) > _MOST_BYTES:
        raise DataError("feed", subject, f"its schema has {len(saved)} bytes, expected at most {_MOST_BYTES}")
    try:
        schema = _Unpickler(io.BytesIO(saved), subject).load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle makes Python raise nearly any of them
        raise DataError("feed", subject, f"its schema can't be read: {error}") from error
    fields = getattr(schema, "_fields", None)
    if not isinstance(schema, _Schema) or not isinstance(fields, Mapping):
        raise DataError("feed", subject, "its schema is none of Petastorm's")
    return {str(name): field for name, field in fields.items() if isinstance(field, _Field)}


class _Field(tuple[Any, ...]):
    """A UnischemaField: name, type, shape, codec and, in later versions, whether nullable."""

    def __new__(cls, *values: Any) -> _Field:
        return super().__new__(cls, values)

    def __setstate__(self, state: Any) -> None:
        """Has none. Without this, a pickle could give the class itself other attributes, for the whole process."""

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
    """What a pickle makes of a class's object: its state and nothing else."""

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


def _rebuilt(kind: Any, base: Any, state: Any) -> Any:
    """As `copyreg._reconstructor`, for the classes below alone."""
    if kind is _Field:
        return _Field(*state)
    return kind()


def _restored(name: str, fields: Any, values: Any) -> Any:
    """As PySpark makes named tuples anew, which it once pickled in its own way."""
    return _Field(*values)


_ENCODINGS: dict[type, Encoding] = {_Ndarray: "ndarray", _Compressed: "compressed", _Image: "image",
                                    _Scalar: "scalar"}
_NUMBERS = ("bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
            "float64", "datetime64")
_TYPES: dict[Any, str] = {**{getattr(np, name): np.dtype(getattr(np, name)).name for name in _NUMBERS[:-1]},
                          np.datetime64: "datetime64[ns]", np.str_: "str", np.bytes_: "bytes", Decimal: "decimal",
                          str: "str", bytes: "bytes", bool: "bool", int: "int64", float: "float64"}
_PACKAGES = ("petastorm", "av.ml.dataset_toolkit", "av.experimental.deepdrive.dataset_toolkit")
_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"{package}.unischema", name): kind for package in _PACKAGES
       for name, kind in (("Unischema", _Schema), ("UnischemaField", _Field))},
    **{(f"{package}.codecs", name): kind for package in _PACKAGES
       for name, kind in (("NdarrayCodec", _Ndarray), ("CompressedNdarrayCodec", _Compressed),
                          ("CompressedImageCodec", _Image), ("ScalarCodec", _Scalar))},
    **{("pyspark.sql.types", f"{name}Type"): _SparkType
       for name in ("Boolean", "Byte", "Short", "Integer", "Long", "Float", "Double", "Decimal", "String", "Binary",
                    "Date", "Timestamp", "TimestampNTZ", "Null", "Array")},
    **{("numpy", name): getattr(np, name) for name in _NUMBERS},
    ("numpy", "str_"): np.str_, ("numpy", "unicode_"): np.str_,
    ("numpy", "bytes_"): np.bytes_, ("numpy", "string_"): np.bytes_,
    ("collections", "OrderedDict"): OrderedDict, ("decimal", "Decimal"): Decimal,
    ("pyspark.serializers", "_restore"): _restored,
    **{(module, "_reconstructor"): _rebuilt for module in ("copy_reg", "copyreg")},
    **{(module, name): kind for module in ("__builtin__", "builtins")
       for name, kind in (("object", object), ("tuple", tuple), ("str", str), ("unicode", str), ("bytes", bytes),
                          ("bool", bool), ("int", int), ("long", int), ("float", float))},
}
"""All that a schema's pickle may name, and what is made of it."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, subject: str) -> None:
        super().__init__(file)
        self._subject = subject

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is None:
            raise DataError("feed", self._subject, f"its schema's pickle names {module}.{name}, which no schema needs",
                            "don't open it: a pickle can run whatever it names")
        return known
