"""Turns any Keras optimizer into a distributed one, which averages gradients over the ranks before it applies them.

    optimizer = distribute(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), world)
    gradient_sync_seconds(optimizer)  ->  1.25

The optimizer remains the same object of the same class: it saves, loads and copies as before. Clipping, loss scaling,
weight decay and moving averages come after the averaging, so all ranks take the same step. With
`gradient_accumulation_steps=k` each rank sums its own gradients, and only the k-th step averages the sums. Distribute
the outermost optimizer (the `LossScaleOptimizer`, not its inner one), otherwise ranks would disagree on which steps are
finite. XLA can't compile a train step that contains `apply`, since Horovod has no XLA kernels: compile the model with
`jit_compile=False`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from laketrain.distributed.collectives import half_precision
from laketrain.distributed.keras.gradient_sync import GradientSync
from laketrain.distributed.world import World
from laketrain.errors import LaunchError, nearest

GRADIENT_DTYPES = ("float32", *half_precision.DTYPES)

_ATTRIBUTE = "_laketrain_gradient_sync"


def distribute(optimizer: Any, world: World, gradient_dtype: str = "float32") -> Any:
    """Make `optimizer` average the gradients of all ranks before it applies them, and return it. A second call with the
    same arguments has no effect.

    Gradients that are None stay None (they must be None on every rank). Duplicate rows of a sparse gradient are summed,
    also with one rank: otherwise Keras' optimizers would take another step for the same gradient.

    Args:
        optimizer: a Keras optimizer that isn't yet traced into a graph.
        world: the ranks.
        gradient_dtype: the dtype in which gradients are sent: float32, or float16 or bfloat16 with half the bytes.

    Raises:
        LaunchError: the optimizer is distributed over another world or dtype, or the dtype is unknown.
    """
    if gradient_dtype not in GRADIENT_DTYPES:
        raise LaunchError("train", "the optimizer", f"unknown gradient dtype {gradient_dtype!r}, expected float32, "
                          "float16 or bfloat16", nearest(str(gradient_dtype), GRADIENT_DTYPES))
    sync = getattr(optimizer, _ATTRIBUTE, None)
    if sync is not None and (sync.world, sync.gradient_dtype) != (world, gradient_dtype):
        raise LaunchError("train", f"optimizer {optimizer.name!r}",
                          f"is already distributed over {sync}, not {world}, gradient_dtype={gradient_dtype!r}",
                          "make a new optimizer for each task")
    if sync is None:
        sync = GradientSync(world, gradient_dtype)
        setattr(optimizer, _ATTRIBUTE, sync)
        _insert(sync, optimizer)
    return optimizer


def gradient_sync_seconds(optimizer: Any) -> float:
    """Seconds that this rank has spent in averaging the gradients of `optimizer`, including the wait for other ranks;
    0.0 with one rank. Not part of the optimizer's state: a resumed training starts at 0.
    """
    sync = getattr(optimizer, _ATTRIBUTE, None)
    return 0.0 if sync is None else float(sync.seconds)


def average_accumulated_gradients(optimizer: Any, world: World) -> None:
    """Replace the sums of gradients that wait for the k-th step by their mean over the ranks.

    The step that follows stays the same, and the variables of rank 0 now represent all ranks. Call this on every rank
    before they are saved. It does nothing if the optimizer doesn't accumulate.
    """
    sums = [variable for each in _with_inner(optimizer) for variable in getattr(each, "_accumulated_gradients", [])]
    if sums and not world.is_serial:
        for variable, mean in zip(sums, world.average([variable.value for variable in sums]), strict=True):
            variable.assign(mean)


def _insert(sync: GradientSync, optimizer: Any) -> None:
    """Call `sync` where the optimizer uses gradients, and nowhere else."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if sync.world.is_serial or not _accumulates(inner):
        optimizer.apply = _applied_to_gradients(sync, optimizer.apply)
        return
    # Keras clips only gradients that it is about to use: in the k-th step, before anything else of that step.
    inner._clip_gradients = _applied_to_gradients(sync, inner._clip_gradients)
    inner._overwrite_variables_directly_with_gradients = _refuse_overwritten
    if inner is not optimizer:
        check_finite = optimizer.check_finite
        # If one rank skipped a step alone, it would stay a step behind the others.
        optimizer.check_finite = lambda gradients: sync.all_true(check_finite(gradients))


def _refuse_overwritten(gradients: Any, variables: Any) -> tuple[Any, Any]:
    """Replaces Keras' method for variables (of float8 layers) that take their gradient as value at each step."""
    if any(getattr(variable, "overwrite_with_gradient", False) for variable in variables):
        raise LaunchError("train", "gradient_accumulation_steps", "ranks can't accumulate for float8 layers",
                          "leave it out, or train in float32 or bfloat16")
    return gradients, variables


def _applied_to_gradients(function: Callable[[Sequence[Any]], list[Any]], method: Callable[..., Any]
                          ) -> Callable[..., Any]:
    """`method`, with `function` applied to its first argument, the gradients."""

    @functools.wraps(method)
    def wrapper(gradients: Any, *args: Any, **kwargs: Any) -> Any:
        return method(function(gradients), *args, **kwargs)

    return wrapper


def _accumulates(optimizer: Any) -> bool:
    """Whether the optimizer accumulates by Keras' own methods. The gradients of one that overrides them are averaged at
    each step, which gives the same numbers.
    """
    if not getattr(optimizer, "gradient_accumulation_steps", None):
        return False
    import keras

    names = ("_backend_apply_gradients", "_clip_gradients")
    return all(getattr(type(optimizer), name) is getattr(keras.optimizers.Optimizer, name) for name in names)


def _with_inner(optimizer: Any) -> list[Any]:
    """The optimizer and its inner optimizers, at any depth."""
    inner = [*getattr(optimizer, "optimizers", []), getattr(optimizer, "inner_optimizer", None)]
    return [optimizer, *(each for part in inner if part is not None for each in _with_inner(part))]
