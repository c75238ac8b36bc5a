"""Petastorm's datasets are read without Petastorm; every codec is compared with Petastorm's own reader."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.errors import DataError
from laketrain.features.stored import SCHEMA_KEY
from laketrain.feed.petastorm import PetastormDataset
from laketrain.feed.petastorm_schema import unpickle_schema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 23


def schema() -> Any:
    pytest.importorskip("petastorm")
    from petastorm.codecs import CompressedImageCodec, CompressedNdarrayCodec, NdarrayCodec, ScalarCodec
    from petastorm.unischema import Unischema, UnischemaField
    from pyspark.sql import types as T

    return Unischema("Everything", [
        UnischemaField("part", np.str_, (), ScalarCodec(T.StringType()), False),
        UnischemaField("number", np.int64, (), ScalarCodec(T.LongType()), False),
        UnischemaField("small", np.uint8, (), ScalarCodec(T.ShortType()), False),
        UnischemaField("odd", np.bool_, (), ScalarCodec(T.BooleanType()), False),
        UnischemaField("ratio", np.float64, (), ScalarCodec(T.DoubleType()), False),
        UnischemaField("price", Decimal, (), ScalarCodec(T.DecimalType(10, 2)), False),
        UnischemaField("name", np.str_, (), ScalarCodec(T.StringType()), True),
        UnischemaField("matrix", np.float32, (3, 2), NdarrayCodec(), False),
        UnischemaField("ragged", np.uint16, (None, 2), NdarrayCodec(), False),
        UnischemaField("perhaps", np.int32, (2,), NdarrayCodec(), True),
        UnischemaField("words", np.str_, (None,), NdarrayCodec(), False),
        UnischemaField("squeezed", np.int32, (4,), CompressedNdarrayCodec(), False),
        UnischemaField("png", np.uint8, (6, 5, 3), CompressedImageCodec("png"), False),
        UnischemaField("deep", np.uint16, (6, 5), CompressedImageCodec("png"), False),
        UnischemaField("jpeg", np.uint8, (None, None, 3), CompressedImageCodec("jpeg", 90), False),
    ])


def row(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    return {
        "part": f"p {number % 3}", "number": number, "small": np.uint8(250 + number % 5), "odd": bool(number % 2),
        "ratio": number / 7, "price": Decimal(number) / 4, "name": None if number % 4 == 0 else f"row {number}",
        "matrix": random.normal(size=(3, 2)).astype(np.float32),
        "ragged": random.integers(0, 60_000, (number % 4, 2), np.uint16),
        "perhaps": None if number % 3 == 0 else random.integers(0, 9, 2, np.int32),
        "words": np.array([f"w{index}" for index in range(number % 3 + 1)]),
        "squeezed": random.integers(-9, 9, 4, np.int32),
        "png": random.integers(0, 256, (6, 5, 3), np.uint8), "deep": random.integers(0, 65_536, (6, 5), np.uint16),
        "jpeg": np.full((8, 8 + number % 2, 3), number * 9, np.uint8),
    }


@pytest.fixture(scope="module")
def url(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dataset written as in Petastorm's README."""
    unischema = schema()
    from petastorm.etl.dataset_metadata import materialize_dataset
    from petastorm.unischema import dict_to_spark_row

    folder = tmp_path_factory.mktemp("petastorm") / "all"  # Petastorm's paths have no spaces
    with materialize_dataset(spark, folder.as_uri(), unischema, 1):
        rows = [dict_to_spark_row(unischema, row(number)) for number in range(ROWS)]
        spark.createDataFrame(rows, unischema.as_spark_schema()).write.partitionBy("part").parquet(folder.as_uri())
    return str(folder)


@pytest.mark.slow
def test_every_codec_decodes_as_petastorms_reader_does(url: str) -> None:
    from petastorm import make_reader

    with make_reader(Path(url).as_uri(), reader_pool_type="dummy", num_epochs=1) as reader:
        by_petastorm = {int(result.number): result._asdict() for result in reader}
    dataset = PetastormDataset.at(url)
    assert dataset.rows == len(by_petastorm) == ROWS
    with dataset.reader() as mine:
        result = mine.read(np.arange(ROWS))
    assert set(result) == set(by_petastorm[0])
    for index, number in enumerate(result["number"].tolist()):
        for name, values in result.items():
            expected = by_petastorm[number][name]
            assert (values[index] is None) == (expected is None), name
            if expected is not None:
                np.testing.assert_array_equal(values[index], expected, err_msg=name)
                assert np.asarray(values[index]).dtype == np.asarray(expected).dtype, name


@pytest.mark.slow
def test_columns_of_one_shape_are_arrays_and_others_are_objects(url: str) -> None:
    sample = PetastormDataset.at(url).sample(5)
    shapes = {name: (values.dtype.name, values.shape) for name, values in sample.items()}
    assert shapes["png"] == ("uint8", (5, 6, 5, 3))
    assert shapes["deep"] == ("uint16", (5, 6, 5))
    assert shapes["small"] == ("uint8", (5,))
    assert shapes["matrix"] == ("float32", (5, 3, 2))
    assert {shapes[name] for name in ("ragged", "perhaps", "words", "jpeg", "name", "price", "part")} == {
        ("object", (5,))}


@pytest.mark.slow
def test_columns_of_one_shape_can_be_fed(url: str) -> None:
    with PetastormDataset.at(url).feed(8, ["png", "matrix"], ["small"], seed=3) as feed:
        seen = []
        for inputs, targets, weights, _ in feed.batches(epochs=1):
            assert inputs["png"].shape == (8, 6, 5, 3)
            for image, matrix, small, weight in zip(inputs["png"].numpy(), inputs["matrix"].numpy(), targets.numpy(),
                                                    weights.numpy(), strict=True):
                if weight:
                    [number] = [n for n in range(ROWS) if (row(n)["png"] == image).all()]
                    np.testing.assert_array_equal(matrix, row(number)["matrix"])
                    assert small == row(number)["small"]
                    seen.append(number)
    assert sorted(seen) == list(range(ROWS))


@pytest.mark.slow
@pytest.mark.parametrize(("column", "message"), [("ragged", r"rows of uint16 \(None, 2\)"), ("perhaps", "may be null"),
                                                 ("name", "may be null"), ("price", "rows of decimal")])
def test_the_feed_refuses_columns_that_are_not_tensors(url: str, column: str, message: str) -> None:
    with pytest.raises(DataError, match=f"column '{column}' of .*{message}"):
        PetastormDataset.at(url).feed(8, [column], ["small"])


@pytest.mark.slow
def test_show_draws_the_images(url: str) -> None:
    figure = PetastormDataset.at(url).show(4)
    assert sum(bool(axes.images) for axes in figure.axes) == 4


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_schema_is_read_from_any_protocol_of_pickle(protocol: int) -> None:
    fields = unpickle_schema(pickle.dumps(schema(), protocol), "here")
    assert set(fields) == set(schema().fields)
    assert fields["matrix"].shape == (3, 2)
    assert fields["perhaps"].nullable and not fields["matrix"].nullable


class Hostile:
    """A pickle that calls what it names."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(("call", "name"), [
    ((eval, "open('{mark}', 'w')"), "eval"), ((exec, "open('{mark}', 'w')"), "exec"),
    ((os.system, "touch {mark}"), "system"), ((getattr, "x", "__class__"), "getattr"),
    ((__import__, "os"), "__import__"), ((np.load, "{mark}"), "numpy"),
])
def test_a_hostile_schema_is_refused_and_not_run(
        tmp_path: Path, protocol: int, call: tuple[Any, ...], name: str) -> None:
    mark = tmp_path / "it ran"
    parts = tuple(part.format(mark=mark) if isinstance(part, str) else part for part in call)
    saved = pickle.dumps(OrderedDict(schema=Hostile(*parts)), protocol)
    with pytest.raises(DataError, match=rf"names .*{name}.*which no schema needs"):
        unpickle_schema(saved, "somewhere/_common_metadata")
    assert not mark.exists()


def test_a_hostile_schema_does_not_change_the_readers_classes() -> None:
    """The pickle sets the state of a class instead of an object."""
    before = unpickle_schema(pickle.dumps(schema()), "here")["matrix"].dtype
    state = b"N}X\x05\x00\x00\x00dtypeK\x05s\x86b."
    with pytest.raises(DataError):
        unpickle_schema(b"\x80\x02cpetastorm.unischema\nUnischemaField\n" + state, "somewhere/_common_metadata")
    assert unpickle_schema(pickle.dumps(schema()), "here")["matrix"].dtype is before


@pytest.mark.parametrize("saved", [b"", b"\x80\x04", pickle.dumps({"a": 1}), pickle.dumps(schema)[:-3]])
def test_a_pickle_that_is_not_a_schema_raises(saved: bytes) -> None:
    with pytest.raises(DataError, match="its schema"):
        unpickle_schema(saved, "here")


def test_a_directory_without_petastorms_metadata_raises(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "plain" / "a.parquet")
    with pytest.raises(DataError, match=r"has no _common_metadata"):
        PetastormDataset.at(str(tmp_path / "plain"))
    pq.write_metadata(pa.schema([("a", pa.int64())]), tmp_path / "plain" / "_common_metadata")
    with pytest.raises(DataError, match="contains no Petastorm schema"):
        PetastormDataset.at(str(tmp_path / "plain"))
    damaged = pa.schema([("a", pa.int64())], metadata={SCHEMA_KEY: b"\x80\x04N."})
    pq.write_metadata(damaged, tmp_path / "plain" / "_common_metadata")
    with pytest.raises(DataError, match="its schema isn't one of Petastorm's"):
        PetastormDataset.at(str(tmp_path / "plain"))
