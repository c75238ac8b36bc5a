"""Any Keras optimizer becomes a distributed one: it averages the gradients over the ranks before it uses them.

    optimizer = distribute(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), world)
    averaging_seconds(optimizer)  ->  1.25

It stays the same object of the same class: it saves, loads and copies as the plain optimizer. Clipping, loss scaling,
weight decay and moving averages come after the averaging, so every rank takes the same step. With
`gradient_accumulation_steps=k` each rank sums its own gradients, and only the k-th step averages the sums. Distribute
the outermost optimizer (the `LossScaleOptimizer`, not the one inside it), or ranks would disagree on which steps are
finite. A train step that contains `apply` can't be compiled with XLA: Horovod's kernels are none of XLA's, so compile
the model with `jit_compile=False`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from laketrain.distributed.averaging import Averaging
from laketrain.distributed.halves import HALVES
from laketrain.distributed.world import World
from laketrain.errors import LaunchError, nearest

WIRES = ("float32", *HALVES)

_MARK = "_laketrain_averaging"


def distribute(optimizer: Any, world: World, wire: str = "float32") -> Any:
    """Make `optimizer` average the gradients of all ranks before it applies them, and return it. Once is enough.

    Gradients that are None stay so (they must be None on every rank). Rows that a sparse gradient has twice are summed,
    also in a world of one: otherwise Keras' optimizers would take another step for the same gradient.

    Args:
        optimizer: a Keras optimizer that was not yet traced into a graph.
        world: the ranks.
        wire: the dtype in which gradients travel: float32, or float16 or bfloat16 with half the bytes and fewer bits.

    Raises:
        LaunchError: it was distributed before, over another world or wire; or there is no such wire.
    """
    if wire not in WIRES:
        raise LaunchError("train", f"wire {wire!r}", "gradients don't travel so", nearest(str(wire), WIRES))
    before = getattr(optimizer, _MARK, None)
    if before is not None and (before.world, before.wire) != (world, wire):
        raise LaunchError("train", f"optimizer {optimizer.name!r}",
                          f"is already distributed over {before}, not {world}, wire={wire!r}",
                          "make a new optimizer for each task")
    if before is None:
        averaging = Averaging(world, wire)
        setattr(optimizer, _MARK, averaging)
        _hook(optimizer, averaging)
    return optimizer


def averaging_seconds(optimizer: Any) -> float:
    """Seconds that this rank has spent in averaging `optimizer`'s gradients since it was distributed, waiting for the
    other ranks included. 0.0 in a world of one. Not part of the optimizer's state: a resumed training begins at 0.
    """
    averaging = getattr(optimizer, _MARK, None)
    return 0.0 if averaging is None else float(averaging.seconds)


def average_accumulated(optimizer: Any, world: World) -> None:
    """Make the ranks' sums of gradients that wait for the k-th step equal: each becomes their mean.

    The step that follows is the same. But then the chief's variables stand for all ranks': call it, on every rank,
    before they are saved. It does nothing where nothing accumulates.
    """
    sums = [variable for each in _family(optimizer) for variable in getattr(each, "_accumulated_gradients", [])]
    if sums and not world.is_serial:
        for variable, mean in zip(sums, world.average([variable.value for variable in sums]), strict=True):
            variable.assign(mean)


def _hook(optimizer: Any, averaging: Averaging) -> None:
    """Put `averaging` where the gradients are due, and nowhere else."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if averaging.world.is_serial or not _accumulates(inner):
        optimizer.apply = _first(averaging, optimizer.apply)
        return
    # Keras clips only what it is about to use: within the k-th step, and before anything else of that step.
    inner._clip_gradients = _first(averaging, inner._clip_gradients)
    inner._overwrite_variables_directly_with_gradients = _refuse_overwritten
    if inner is not optimizer:
        check_finite = optimizer.check_finite
        # A step that one rank alone skipped would leave it a step behind the others for good.
        optimizer.check_finite = lambda gradients: averaging.agree(check_finite(gradients))


def _refuse_overwritten(gradients: Any, variables: Any) -> tuple[Any, Any]:
    """In the place of Keras' method for variables (of float8 layers) that take their gradient as value, every time."""
    if any(getattr(variable, "overwrite_with_gradient", False) for variable in variables):
        raise LaunchError("train", "gradient_accumulation_steps", "ranks can't accumulate for float8 layers",
                          "leave it out, or train in float32 or bfloat16")
    return gradients, variables


def _first(change: Callable[[Sequence[Any]], list[Any]], method: Callable[..., Any]) -> Callable[..., Any]:
    """`method` with its first argument, gradients, changed before."""

    @functools.wraps(method)
    def changed(gradients: Any, *others: Any, **named: Any) -> Any:
        return method(change(gradients), *others, **named)

    return changed


def _accumulates(optimizer: Any) -> bool:
    """Whether it accumulates, in Keras' own way. One that does so in its own has its gradients averaged every time,
    which comes to the same numbers.
    """
    if not getattr(optimizer, "gradient_accumulation_steps", None):
        return False
    import keras

    names = ("_backend_apply_gradients", "_clip_gradients")
    return all(getattr(type(optimizer), name) is getattr(keras.optimizers.Optimizer, name) for name in names)


def _family(optimizer: Any) -> list[Any]:
    """The optimizer and those inside it, at any depth."""
    inside = [*getattr(optimizer, "optimizers", []), getattr(optimizer, "inner_optimizer", None)]
    return [optimizer, *(each for inner in inside if inner is not None for each in _family(inner))]
