"""No train/serve skew: the tensors of a row in training equal, bit for bit, those that the model gets in predict.

One way leads through Spark, Parquet, the feed and TensorFlow, the other from the rows straight to the model, by the
features saved with the dataset. A new kind of feature fails here until it is in the table.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from laketrain.features import FeatureSet
from laketrain.features.schema import AnyFeature
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake
from laketrain.predict import scorer
from laketrain.predict.scorer import PredictTask, score_batches
from laketrain.tasks import default_outputs
from laketrain.workload import Convert

from ..tables import commit_table, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

ROWS, RATE = 90, 4000
Tensors = dict[str, np.ndarray[Any, Any]]
"""Of one row, by feature."""

COLUMNS = ("name string, pixels array<int>, raw binary, photo binary, sound binary, title string, colour string, "
           "shop int, age double, size float, count bigint, on boolean, x double, y double, embedding array<double>, "
           "history array<array<double>>, wanted double, digit int, kind string, tags string, marks array<string>, "
           "w double")
ALWAYS: Mapping[str, Mapping[str, Any]] = {
    "name": {"kind": "key"}, "digit": {"kind": "label", "classes": 3}, "weight": {"kind": "weight", "column": "w"}}
PHOTO = {"kind": "image", "column": "photo", "encoded": True, "shape": [10, 12, 3]}
SOUND = {"kind": "audio", "column": "sound", "rate": RATE, "bands": 8, "window_ms": 40}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "pixels": {"kind": "image", "shape": [2, 3, 1]},
    "raw": {"kind": "image", "shape": [2, 3, 2]},
    "photo_pixels": {**PHOTO, "resize": "stretch"},
    "photo_png": {**PHOTO, "resize": "fit", "store": "png"},
    "photo_jpeg": {**PHOTO, "resize": "crop", "store": "jpeg", "quality": 70},
    "photo_alpha": {**PHOTO, "shape": [5, 5, 4], "resize": "stretch", "filter": "lanczos"},
    "photo_grey": {**PHOTO, "shape": [9, 9, 1], "resize": "stretch"},
    "logmel": {**SOUND, "seconds": 0.3},
    "mfcc": {**SOUND, "seconds": 0.3, "features": "mfcc", "coefficients": 5},
    "waveform": {**SOUND, "seconds": 0.3, "features": "waveform", "rate": 3000},
    "words": {"kind": "text", "column": "title", "length": 6, "minimum_count": 1, "stop_words": "en"},
    "characters": {"kind": "text", "column": "title", "length": 20, "tokens": "characters", "truncate": "start"},
    "pieces": {"kind": "text", "column": "title", "length": 16, "tokens": "bpe", "vocabulary": 60},
    "colour": {"kind": "category", "minimum_count": 3},
    "shop": {"kind": "category", "most": 4},
    "hashed": {"kind": "category", "column": "colour", "hashed": 7},
    **{f"age_{scale}": {"kind": "number", "column": "age", "scale": scale, "missing": missing, "flag": flag}
       for scale, missing, flag in (("none", "zero", True), ("standard", "mean", False), ("minmax", "median", True),
                                    ("robust", "zero", False), ("log", "median", False))},
    "age_part": {"kind": "bucket", "column": "age", "buckets": 4, "missing": "zero"},
    "size_part": {"kind": "bucket", "column": "size", "edges": [-1e6, 0.5, 1e5]},
    "events": {"kind": "sequence", "column": "history", "shape": [5, 2], "pad": "before", "mask": True},
    "size": {"kind": "number"}, "count": {"kind": "number", "scale": "log"}, "on": {"kind": "number", "scale": "none"},
    **{f"both_{scale}": {"kind": "vector", "columns": ["x", "y"], "scale": scale}
       for scale in ("none", "standard", "minmax", "robust", "log")},
    "embedding": {"kind": "vector", "size": 4},
    "history": {"kind": "sequence", "shape": [3, 2]},
    "ahead": {"kind": "sequence", "column": "history", "shape": [3, 2], "role": "target", "scale": "minmax"},
    "wanted": {"kind": "value", "columns": ["wanted"], "scale": "standard"},
    "plain": {"kind": "value", "columns": ["wanted", "x"]},
    "sort": {"kind": "label", "column": "kind", "names": ["ä", "b", "c"]},
    "known": {"kind": "label", "column": "digit", "classes": 3, "role": "input"},
    "tags": {"kind": "multilabel", "names": ["red", "blue"], "separator": ";"},
    "marks": {"kind": "multilabel", "names": ["x", "猫"], "role": "input"},
}
DATASETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "of one length": KINDS,
    "of texts by length": {"title": {"kind": "text", "buckets": [2, 4, 9], "minimum_count": 1, "empty": "keep"},
                           "size": {"kind": "number"}},
    "of sounds by length": {"sound": {**SOUND, "bucket_seconds": [0.2, 0.4]}, "colour": {"kind": "category"}},
}
BAD: Sequence[Mapping[str, Any]] = (
    {"size": None}, {"size": float("nan")}, {"sound": b"", "title": None}, {"colour": "never seen", "size": None})


@cache
def rows() -> list[dict[str, Any]]:
    """Good ones of every length, kind and size."""
    return [_row(number, np.random.default_rng(number)) for number in range(ROWS)]


def bad_rows() -> list[dict[str, Any]]:
    """Rows with inputs that no tensor can be made from."""
    return [{**_row(number, np.random.default_rng(number)), "name": f"bad {number}", **change}
            for number, change in enumerate(BAD)]


def _row(number: int, random: np.random.Generator) -> dict[str, Any]:
    words = ["the", "quick", "brown", "fox", "jumps", "over", "Ünï", "猫在这里", "lazy", "dogs", "42", "ﬁn"]
    return {
        "name": f"n{number}", "pixels": random.integers(0, 256, 6).tolist(), "raw": random.bytes(12),
        "photo": _photo(number, random), "sound": _sound(number, random),
        "title": " ".join(["fox", *random.choice(words, number % 9)]),
        "colour": [None, "red", "blue", "green"][number % 4], "shop": int(random.integers(0, 9)),
        "age": [None, float("nan"), float(random.lognormal())][min(number % 5, 2)],
        "size": float(np.float32(random.normal() * 1e6)), "count": int(random.integers(-2**53, 2**53)),
        "on": bool(number % 2), "x": random.normal() * 1e-9, "y": float(random.integers(0, 5)),
        "embedding": random.normal(size=4).tolist(), "history": random.normal(50, 9, (3, 2)).tolist(),
        "wanted": random.normal() / 3, "digit": number % 3, "kind": "äbc"[number % 3],
        "tags": ["", "red", "blue;red"][number % 3], "marks": [[], ["猫"], ["x", "猫"]][number % 3],
        "w": 0.1 + number / 7,
    }


def _photo(number: int, random: np.random.Generator) -> bytes:
    form, mode = [("PNG", "RGBA"), ("JPEG", "RGB"), ("PNG", "L"), ("WEBP", "RGB"), ("JPEG", "CMYK")][number % 5]
    file = io.BytesIO()
    picture = Pillow.fromarray(random.integers(0, 256, (7 + number % 20, 9 + number % 13, 4), np.uint8))
    picture.convert("RGB" if mode == "CMYK" else mode).convert(mode).save(file, form)
    return file.getvalue()


def _sound(number: int, random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    samples = random.uniform(-0.5, 0.5, (300 + 90 * (number % 14), 1 + number % 2))
    soundfile.write(file, samples, [RATE, 5000][number % 2], format=["WAV", "FLAC"][number % 3 == 0], subtype="PCM_16")
    return file.getvalue()


def record_batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    from pyspark.sql.types import StructType

    from ..tables import arrow_schema

    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=arrow_schema(StructType.fromDDL(COLUMNS)))


@dataclass(frozen=True)
class Converted:
    """A dataset, and the reason by the name of each refused row."""

    dataset: Dataset
    refused: dict[str, str]


@pytest.fixture(scope="module", params=DATASETS)
def converted(request: pytest.FixtureRequest, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
              ) -> Converted:
    from laketrain.convert import convert, fingerprint_convert

    config = Convert.model_validate({
        "table": "things", "features": {**DATASETS[request.param], **ALWAYS}, "max_reject_fraction": 0.2,
        "row_group_mb": 0.02, "split": {"by": "name", "fractions": {"train": 0.7, "test": 0.3}}})
    lake = Lake(str(tmp_path_factory.mktemp("parity") / "lake"))
    table = commit_table(lake, "things", [*rows(), *bad_rows()], COLUMNS, files=3)
    dataset = Dataset(convert(spark, table, "things", config, fingerprint_convert(table, config)))
    quarantine = rows_of(lake.table("quarantine", "things-features").latest())
    return Converted(dataset, {json.loads(row["record"])["name"]: row["reason"] for row in quarantine})


def fed(dataset: Dataset) -> dict[str, Tensors]:
    """The feed's tensors of each row, by name: inputs, targets and weight."""
    result: dict[str, Tensors] = {}
    targets_of = list(dataset.features.targets)
    for split, count in dataset.splits.items():
        with dataset.reader(split, ["name"]) as reader:
            names = iter(reader.read(np.arange(count))["name"].tolist())
        with dataset.feed(split, batch=8, lanes=1, shuffle=False) as feed:
            for inputs, targets, weights, _ in feed.batches():
                named = targets if isinstance(targets, dict) else {targets_of[0]: targets}
                arrays = {name: np.asarray(values) for name, values in {**inputs, **named, "weight": weights}.items()}
                for index in np.flatnonzero(arrays["weight"]):
                    result[next(names)] = {name: values[index] for name, values in arrays.items()}
    return result


def predicted(dataset: Dataset, batches: Sequence[pa.RecordBatch], monkeypatch: pytest.MonkeyPatch
              ) -> tuple[dict[str, Tensors], dict[str, str]]:
    """The model's inputs of each row in predict, by name, and the reasons of refused rows."""
    seen: list[Mapping[str, np.ndarray[Any, Any]]] = []

    def model(arrays: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        outputs = np.zeros((len(arrays[next(iter(arrays))]), 3), np.float32)
        # The probability of a class is the row's index among all: rows of one length come together.
        outputs[:, 0] = np.arange(len(outputs)) + sum(len(next(iter(parts.values()))) for parts in seen)
        seen.append(arrays)
        return outputs

    monkeypatch.setattr(scorer, "_model", lambda *_: model)
    features = FeatureSet.from_json(json.dumps(dataset.version.entry.meta["features"]))
    task = PredictTask(lake=dataset.version.lake.url, model="models/things@1", data="clean/things@1",
                       features=FeatureSet.of(features.inputs).to_json(),
                       outputs=default_outputs(FeatureSet.of({"digit": features["digit"]})),
                       columns=tuple(batches[0].schema.names), batch=7, keep=("name",), threads=1)
    outputs = {row["name"]: row for batch in score_batches(task, iter(batches)) for row in batch.to_pylist()}
    tensors = [{name: values[index] for name, values in arrays.items()}
               for arrays in seen for index in range(len(next(iter(arrays.values()))))]
    return ({name: tensors[int(row["probability"])] for name, row in outputs.items() if row["_reason"] is None},
            {name: row["_reason"] for name, row in outputs.items() if row["_reason"]})


def same(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    """Bit for bit; with buckets, one may have more padding, which is zeros."""
    if first.dtype != second.dtype:
        return False
    if first.shape == second.shape:
        return first.tobytes() == second.tobytes()
    short, long = sorted((first, second), key=len)
    return short.shape[1:] == long.shape[1:] and short.tobytes() == long[:len(short)].tobytes() \
        and not long[len(short):].any()


def test_each_kind_is_in_the_table() -> None:
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(AnyFeature)[0])}
    declared = [spec["kind"] for features in (*DATASETS.values(), ALWAYS) for spec in features.values()]
    assert kinds == set(declared)
    assert {spec["scale"] for spec in KINDS.values() if "scale" in spec} == {"none", "standard", "minmax", "robust",
                                                                           "log"}


def test_inputs_are_the_same_in_training_and_in_predict(converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    training = fed(converted.dataset)
    batch = record_batch([*rows(), *bad_rows()])
    serving, _ = predicted(converted.dataset, [batch.slice(0, 31), batch.slice(31, 1), batch.slice(32)], monkeypatch)
    # Some of the bad rows are good for this dataset.
    assert serving.keys() == training.keys() >= {row["name"] for row in rows()}
    unlike = {name for row in training for name in converted.dataset.features.inputs
              if not same(training[row][name], serving[row][name])}
    assert unlike == set()


def test_targets_and_weights_are_those_of_the_rows(converted: Converted) -> None:
    training = fed(converted.dataset)
    table = rows()
    features = converted.dataset.features
    stored, _ = features.encode_batch(record_batch(table))
    straight = features.tensors(stored, [*features.targets, "weight"])
    for index, row in enumerate(table):
        for name, values in straight.items():
            assert same(training[row["name"]][name], np.asarray(values[index])), (row["name"], name)


def test_training_and_predict_refuse_rows_for_the_same_reasons(
        converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    _, why = predicted(converted.dataset, [record_batch([*bad_rows(), *rows()])], monkeypatch)
    assert why == converted.refused
    assert why


def test_tensors_do_not_depend_on_the_batch(converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    cuts = [0, *np.sort(random.choice(np.arange(1, ROWS), 6, replace=False)).tolist(), ROWS]
    batch = record_batch([rows()[index] for index in random.permutation(ROWS)])
    parts = [batch.slice(start, stop - start) for start, stop in pairwise(cuts)]
    whole, _ = predicted(converted.dataset, [record_batch(rows())], monkeypatch)
    cut, _ = predicted(converted.dataset, parts, monkeypatch)
    assert all(same(whole[row][name], cut[row][name]) for row in whole for name in whole[row])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
       st.sampled_from(["none", "standard", "minmax", "robust", "log"]))
@settings(max_examples=200)
def test_a_number_is_scaled_equally_alone_and_among_others(values: list[float], scale: str) -> None:
    feature = FeatureSet.model_validate({"x": {"kind": "number", "scale": scale}})
    column = pa.array(values, pa.float64())
    batch = pa.RecordBatch.from_arrays([column], names=["x"])
    learnt = FeatureSet.from_json(feature.fit([feature.tally(batch, first=False)], first=False).to_json())
    together = learnt["x"].tensor(column)
    alone = np.concatenate([learnt["x"].tensor(column.slice(index, 1)) for index in range(len(values))])
    assert together.tobytes() == alone.tobytes()
