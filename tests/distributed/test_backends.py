"""Both backends give the same results: bit for bit between ranks, to float tolerance between backends.

One launch a backend runs all. `LAKETRAIN_TEST_BACKEND=tensorflow make test ARGS=tests/distributed` runs every other
test of ranks on the second one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.distributed import World, launch
from laketrain.distributed.backend import BACKENDS, choose_backend
from laketrain.distributed.horovod import is_built_for_this_tensorflow
from laketrain.errors import LaunchError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def everything(world: World, report: Any) -> dict[str, Any]:
    """Every collective, eagerly and in graphs, and a training with synchronised batch normalisation."""
    import keras
    import numpy as np
    import tensorflow as tf

    from laketrain.distributed import distribute, synchronise_batch_norm
    from laketrain.distributed.backend import backend_for

    backend, rank, results = backend_for(world.size, world.backend), world.rank, {"backend": world.backend}
    rng = np.random.default_rng(rank)
    numbers = {size: tf.constant(rng.normal(size=size).astype("float32")) for size in (3, 50_001)}
    uneven = tf.constant(np.arange(2 * (1 + 2 * rank), dtype="uint16").reshape(-1, 2) + rank)
    even = tf.constant(np.arange(6, dtype="int64") * (1 + rank))

    def collectives(mode: str) -> list[Any]:
        made = [backend.allreduce(numbers[size], op, f"{mode}_{op}_{size}")
                for size in numbers for op in ("sum", "average", "max")]
        made += backend.grouped_allreduce([numbers[3], numbers[50_001][:4], tf.constant(1.0 + rank)], "average",
                                          f"{mode}_group")
        made += [backend.allreduce(tf.constant([2**60 + rank], tf.int64), "sum", f"{mode}_int64")]
        return [*made, backend.allgather(uneven, f"{mode}_gather"), backend.broadcast(uneven[:1], f"{mode}_broadcast")]

    results["eager"] = collectives("eager")
    results["graph"] = tf.function(lambda: collectives("graph"), autograph=False)()
    results["parts"] = [alltoall() for alltoall in (lambda: backend.alltoall(even, "eager_parts"),
                                                    tf.function(lambda: backend.alltoall(even, "graph_parts")))]

    def independent(repeats: Any) -> tuple[Any, Any]:
        """Collectives without an edge between them, in branches and a loop that only control flow orders."""
        def body(step: Any, total: Any) -> tuple[Any, Any]:
            return step + 1, total + backend.allreduce(tf.constant(1.0 + rank), "sum", "loop")

        total = tf.while_loop(lambda step, _: step < repeats, body, [tf.constant(0), tf.constant(0.0)])[1]
        either = tf.cond(repeats > 1, lambda: backend.allreduce(tf.constant(2.0), "sum", "then"),
                         lambda: backend.allreduce(tf.constant(3.0), "sum", "else"))
        return total, either

    control = tf.function(independent, autograph=False)
    results["control"] = [control(tf.constant(repeats)) for repeats in (3, 1)]
    table = tf.IndexedSlices(tf.ones([2, 4]) * (1.0 + rank), tf.constant([7, 2 + rank]), tf.constant([1 << 17, 4]))
    results["means"] = [[getattr(mean, "values", mean) for mean in world.average([numbers[3], table], wire, wire)]
                        for wire in ("float32", "float16", "bfloat16")]

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(300, "relu"),
                              keras.layers.BatchNormalization(synchronized=True), keras.layers.Dense(1)])
    synchronise_batch_norm(model, world)
    model.compile(distribute(keras.optimizers.Adam(0.01), world), "mse", jit_compile=False)
    for _ in range(3):
        model.train_on_batch(rng.normal(size=(16, 6)), rng.normal(size=(16, 1)))
    results["weights"] = model.get_weights()
    return results


@pytest.mark.slow
def test_all_backends_give_the_same_results_with_the_same_bits_on_all_ranks(spark: SparkSession) -> None:
    available = [name for name in BACKENDS if name != "horovod" or is_built_for_this_tensorflow()]
    results = {name: launch(spark, everything, 2, deadline=200, backend=name) for name in available}
    for name, (first, second) in results.items():
        assert first["backend"] == second["backend"] == name
        # alltoall gives each rank parts of its own.
        assert [result.pop("parts") for result in (first, second)] == [[[0, 1, 2, 0, 2, 4]] * 2,
                                                                       [[3, 4, 5, 6, 8, 10]] * 2]
        assert first == second
        assert first["eager"] == first["graph"]
        assert first["eager"][-3:] == [[2**61 + 1], [[0, 1], [1, 2], [3, 4], [5, 6]], [[0, 1]]]
        assert first["control"] == [[9.0, 4.0], [3.0, 6.0]]
    reference = results["tensorflow"][0]
    for first, _ in results.values():
        for key in ("eager", "means", "weights"):
            for ours, theirs in zip(flat(first[key]), flat(reference[key]), strict=True):
                assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def flat(value: Any) -> Iterator[float]:
    if isinstance(value, list):
        for each in value:
            yield from flat(each)
    else:
        yield value


@pytest.mark.parametrize(("requested", "offers", "chosen"), [
    ("auto", [{"horovod": "", "tensorflow": "a:1"}] * 2, "horovod"),
    ("auto", [{"horovod": "", "tensorflow": "a:1"}, {"tensorflow": "b:1"}], "tensorflow"),
    ("tensorflow", [{"horovod": "", "tensorflow": "a:1"}] * 2, "tensorflow"),
    ("horovod", [{"tensorflow": "a:1"}] * 2, "horovod"),
])
def test_auto_is_the_first_backend_that_all_ranks_have(requested: str, offers: list[dict[str, str]], chosen: str,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = {name: BACKENDS[name] for name in ("horovod", "tensorflow")}
    monkeypatch.setattr("laketrain.distributed.backend.BACKENDS", ordered)
    assert choose_backend(requested, offers) == chosen


def test_an_unknown_backend_is_refused_with_the_nearest_name(spark: SparkSession) -> None:
    with pytest.raises(LaunchError, match="got 'tensorflwo', expected auto, .* or .* Next: Did you mean 'tensorflow'"):
        launch(spark, lambda world, report: None, 2, backend="tensorflwo")


@pytest.fixture
def horovod_of_another_tensorflow(spark: SparkSession, tmp_path: Path) -> Iterator[None]:
    """Executors import a Horovod that was built for a TensorFlow that isn't theirs."""
    package = tmp_path / "horovod"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('built for another TensorFlow')")
    (package / "metadata.json").write_text(json.dumps({"tensorflow": "2.3.0"}))
    environment = spark.sparkContext.environment
    before = environment["PYTHONPATH"]
    environment["PYTHONPATH"] = f"{tmp_path}:{before}"
    yield
    environment["PYTHONPATH"] = before


@pytest.mark.slow
@pytest.mark.usefixtures("horovod_of_another_tensorflow")
def test_executors_without_horovod_train_by_the_second_backend_and_an_explicit_horovod_is_refused(
        spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        return [world.backend, world.sum(1)]

    assert launch(spark, task, 2, deadline=200) == [["tensorflow", 2]] * 2
    assert launch(spark, task, 1, deadline=200, backend="horovod") == [["horovod", 1]]  # one rank needs no backend
    with pytest.raises(LaunchError, match=r"backend 'horovod': isn't installed, or not for this TensorFlow, on the "
                       r"host of rank \d .*Next: give the executors .* or set train.backend to auto or tensorflow"):
        launch(spark, task, 2, deadline=200, backend="horovod")
