"""Collectives over TCP equal NumPy's results, for any number of ranks, size and dtype, with the same bits on all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.distributed.tcp.meshes import errors_on_each, meshes_of, on_each

from laketrain.distributed.tcp import collectives
from laketrain.distributed.tcp.collectives import CollectiveMismatch, Op
from laketrain.distributed.tcp.mesh import Mesh, PeerLost

RING = collectives.DIRECT_BYTES // 4 + 1
"""float32 numbers that don't fit into one message."""
SIZES = [0, 1, 3, 1000, RING, 3 * RING + 1, 400_001]


@pytest.fixture(scope="module", params=[1, 2, 3, 4])
def meshes(request: pytest.FixtureRequest) -> Iterator[list[Mesh]]:
    with meshes_of(request.param) as made:
        yield made


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("op", ["sum", "average", "max"])
def test_allreduce_equals_numpy_and_has_the_same_bits_on_all_ranks(meshes: list[Mesh], op: Op, dtype: str) -> None:
    if op == "average" and dtype == "int64":
        return
    reference = {"sum": np.sum, "average": np.mean, "max": np.max}[op]
    for size in SIZES:
        arrays = [(1000 * np.random.default_rng(rank).normal(size=size)).astype(dtype) for rank in range(len(meshes))]
        results = on_each(meshes, lambda mesh, arrays=arrays: collectives.allreduce(mesh, arrays[mesh.rank], op, "a"))
        np.testing.assert_allclose(results[0], reference(arrays, axis=0), rtol=1e-5, atol=1e-3)
        assert {result.tobytes() for result in results} == {results[0].tobytes()}
        assert results[0].dtype == arrays[0].dtype


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 2**32 - 1))
def test_shapes_are_kept(meshes: list[Mesh], shape: list[int], seed: int) -> None:
    arrays = [np.random.default_rng(seed + rank).integers(0, 99, size=shape) for rank in range(len(meshes))]
    results = on_each(meshes, lambda mesh: collectives.allreduce(mesh, np.asarray(arrays[mesh.rank]), "sum", "a"))
    for result in results:
        np.testing.assert_array_equal(result, np.sum(arrays, axis=0))
        assert result.shape == tuple(shape)


def test_allgather_concatenates_parts_of_different_lengths_in_rank_order(meshes: list[Mesh]) -> None:
    for rows in (0, 2, 50_000):
        arrays = [np.full((rows * (rank % 3), 2), rank, np.uint16) for rank in range(len(meshes))]
        for result in on_each(meshes, lambda mesh, arrays=arrays: collectives.allgather(mesh, arrays[mesh.rank], "g")):
            np.testing.assert_array_equal(result, np.concatenate(arrays))
            assert result.dtype == np.uint16


def test_alltoall_sends_part_i_to_rank_i(meshes: list[Mesh]) -> None:
    ranks = len(meshes)
    for part in (1, 30_000):
        arrays = [np.arange(ranks * part, dtype=np.uint16) + rank for rank in range(ranks)]
        results = on_each(meshes, lambda mesh, arrays=arrays: collectives.alltoall(mesh, arrays[mesh.rank], "t"))
        for rank, result in enumerate(results):
            parts = [array[rank * part:(rank + 1) * part] for array in arrays]
            np.testing.assert_array_equal(result, np.concatenate(parts))


def test_broadcast_gives_every_rank_the_bytes_of_rank_0(meshes: list[Mesh]) -> None:
    for size in (0, 1, 5, 300_000):
        arrays = [np.random.default_rng(rank).integers(0, 255, size, np.uint8) for rank in range(len(meshes))]
        for result in on_each(meshes, lambda mesh, arrays=arrays: collectives.broadcast(mesh, arrays[mesh.rank], "b")):
            np.testing.assert_array_equal(result, arrays[0])


def test_nan_and_infinity_reach_all_ranks(meshes: list[Mesh]) -> None:
    def total(mesh: Mesh) -> list[float]:
        loud = [np.nan if mesh.rank == 0 else 1.0, np.inf if mesh.rank == len(meshes) - 1 else 1.0]
        return list(collectives.allreduce(mesh, np.array(loud, np.float32), "sum", "a"))

    for nan, infinity in on_each(meshes, total):
        assert np.isnan(nan)
        assert infinity == np.inf


@pytest.mark.parametrize("size", [1, RING])
def test_ranks_that_call_different_collectives_get_an_error_with_both(size: int) -> None:
    with meshes_of(2) as meshes:
        errors = errors_on_each(meshes, lambda mesh: collectives.allreduce(
            mesh, np.ones(size, np.float32), "sum", f"loss of rank {mesh.rank}"))
        assert any(isinstance(error, CollectiveMismatch) for error in errors)
        for error in errors:
            assert isinstance(error, (CollectiveMismatch, PeerLost))
        [message, *_] = [str(error) for error in errors if isinstance(error, CollectiveMismatch)]
        for rank in (0, 1):
            assert f"[allreduce sum float32 [{size}] loss of rank {rank}]" in message


def test_ranks_with_different_shapes_get_an_error() -> None:
    with meshes_of(2) as meshes:
        errors = errors_on_each(meshes, lambda mesh: collectives.allreduce(
            mesh, np.ones(2 + mesh.rank, np.float32), "sum", "loss"))
        assert any("[3] loss" in str(error) for error in errors)


def test_long_names_that_differ_at_the_end_are_different_calls() -> None:
    with meshes_of(2) as meshes:
        errors = errors_on_each(meshes, lambda mesh: collectives.allgather(
            mesh, np.ones(1), f"{'layer/' * 100}{mesh.rank}"))
        assert any(isinstance(error, CollectiveMismatch) for error in errors)
