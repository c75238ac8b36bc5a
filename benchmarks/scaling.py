"""Scaling: the time of an allreduce over sizes and ranks, and a projection to more ranks on a network.

    fit([Measured(ranks=2, bytes=1 << 20, seconds=0.004), …])          # Cost(alpha, beta) and its errors
    efficiency(Cost(20e-6, 1.25e9), ranks=64, size=102e6, step=0.25)   # 0.61: of 64 ranks' perfect speed

A ring of N ranks sends 2(N−1) messages of bytes/N one after the other (Patarasuk and Yuan 2009), so with a latency α
and a bandwidth β it takes t = 2(N−1)·α + 2(N−1)/N · bytes/β. Before the first message Horovod's ranks agree on what to
send, at the pace of its cycle: t₀, the same for any size. docs/explanation/scaling.md describes the assumptions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.data import session_of
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result

if TYPE_CHECKING:
    from laketrain.distributed import World

SIZES = tuple(1 << power for power in range(10, 27, 2))
"""Bytes: 1 KiB to 64 MiB."""
RANKS = (1, 2, 3, 4)
REPEATS = 15

NETWORKS = {"10 Gb/s": (50e-6, 10e9 / 8), "25 Gb/s": (30e-6, 25e9 / 8), "100 Gb/s": (10e-6, 100e9 / 8)}
"""Latency in seconds and bandwidth in bytes/s of a link, as such networks are sold."""
MORE_RANKS = (8, 16, 32, 64, 128, 256, 512)
# ResNet-50's float32 gradients, and a step of a batch that keeps an accelerator busy.
MODEL_BYTES, STEP_S = 102e6, 0.25


@dataclass(frozen=True)
class Measured:
    """One allreduce: its ranks, bytes and seconds."""

    ranks: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """Seconds a message, bytes per second, and seconds before the first message."""

    alpha: float
    beta: float
    start: float = 0.0

    def seconds(self, ranks: int, size: float) -> float:
        """Seconds of an allreduce of `size` bytes; 0 for a single rank."""
        if ranks == 1:
            return 0.0
        return self.start + 2 * (ranks - 1) * self.alpha + 2 * (ranks - 1) / ranks * size / self.beta


@dataclass(frozen=True)
class Fitted:
    """The cost that fits the measurements best, and its relative error for each."""

    cost: Cost
    residuals: tuple[float, ...]

    @property
    def typical(self) -> float:
        return median(map(abs, self.residuals))

    @property
    def worst(self) -> float:
        return max(map(abs, self.residuals))


@dataclass(frozen=True)
class Figure(Line):
    """A figure that isn't a ratio: it is in the JSON line, the table shows its text."""

    def cells(self) -> tuple[str, str, str, str, str]:
        return self.label, self.figures, "", "", ""


def measure(options: Options) -> Result:
    result: list[Measured] = []
    with fresh(options.folder, "laketrain") as laketrain:
        for ranks in RANKS:
            options.report(f"{ranks} ranks")
            rounds = [laketrain(time_ranks, ranks) for _ in range(options.pairs)]
            result += [Measured(ranks, size, median(seconds))
                      for size, *seconds in zip(SIZES, *rounds, strict=True)]
        laketrain(stop)
    title = f"allreduce of {SIZES[0]:,} to {SIZES[-1]:,} bytes by {RANKS[0]} to {RANKS[-1]} ranks, {options.title()}"
    return compare(result, title)


def compare(measured: Sequence[Measured], title: str) -> Result:
    """Shows the measured times, the fit, and the efficiency of more ranks on each network."""
    fitted = fit(measured)
    cost = fitted.cost
    lines: list[Line] = [Line(f"measured, {ranks} ranks", _times(measured, ranks)) for ranks in RANKS[1:]]
    lines += [
        Figure("fitted t₀, an allreduce", f"{cost.start * 1e3:.1f} ms", "start_ms", cost.start * 1e3),
        Figure("fitted α, a message", f"{cost.alpha * 1e6:,.0f} µs", "alpha_us", cost.alpha * 1e6),
        Figure("fitted β", f"{cost.beta / 1e9:.2f} GB/s", "beta_gb_s", cost.beta / 1e9),
        Figure("off by, typical", f"{fitted.typical:.0%}", "residual_typical", fitted.typical),
        Figure("off by, worst", f"{fitted.worst:.0%}", "residual_worst", fitted.worst),
    ]
    for network, (latency, bandwidth) in NETWORKS.items():
        remote = Cost(cost.alpha + latency, bandwidth, cost.start)
        for ranks in MORE_RANKS:
            lines.append(Line(f"{ranks} ranks at {network}", f"{remote.seconds(ranks, MODEL_BYTES) * 1e3:,.0f} ms",
                              f"efficiency_{ranks}_{network.replace(' Gb/s', 'gb')}",
                              efficiency(remote, ranks, MODEL_BYTES, STEP_S)))
    heading = f"{title}; projected for gradients of {MODEL_BYTES / 1e6:.0f} MB and steps of {STEP_S * 1e3:.0f} ms"
    return Result("scaling", heading, lines, against="of perfect speed")


def fit(measured: Iterable[Measured]) -> Fitted:
    """The t₀, α ≥ 0 and β > 0 with the least squared relative errors; one rank sends nothing and isn't used."""
    from scipy.optimize import nnls

    many = [each for each in measured if each.ranks > 1]
    # Linear in t₀, α and 1/β. Each row is divided by its time, else only 64 MB would count.
    rows = np.array([[1, 2 * (each.ranks - 1), 2 * (each.ranks - 1) / each.ranks * each.bytes]
                     for each in many])
    times = np.array([each.seconds for each in many])
    (start, alpha, inverse), _ = nnls(rows / times[:, None], np.ones(len(many)))
    cost = Cost(float(alpha), float(1 / inverse) if inverse else float("inf"), float(start))
    return Fitted(cost, tuple(cost.seconds(each.ranks, each.bytes) / each.seconds - 1 for each in many))


def efficiency(cost: Cost, ranks: int, size: float, step: float) -> float:
    """The speed of `ranks` ranks as a part of `ranks` times one rank's speed, if a step computes for `step` seconds and
    then waits for an allreduce of `size` bytes: nothing overlaps."""
    return step / (step + cost.seconds(ranks, size))


def _times(measured: Sequence[Measured], ranks: int) -> str:
    times = {each.bytes: each.seconds for each in measured if each.ranks == ranks}
    shown = {"1 KB": SIZES[0], "1 MB": 1 << 20, "64 MB": SIZES[-1]}
    return ", ".join(f"{name} {times[size] * 1e3:.1f} ms" for name, size in shown.items() if size in times)


# In the process with the Spark session. There may be more ranks than cores: they mostly wait for each other.


def time_ranks(ranks: int) -> list[float]:
    """Seconds of an allreduce of each of SIZES, by the slowest rank."""
    from laketrain.distributed import launch

    by_rank = launch(session_of(max(RANKS)), partial(time_rank, SIZES, REPEATS), ranks)
    return [max(times) for times in zip(*by_rank, strict=True)]


def stop() -> None:
    session_of(max(RANKS)).stop()


def time_rank(sizes: Sequence[int], repeats: int, world: World,
              report: Callable[[dict[str, Any]], None]) -> list[float]:
    """The median seconds of `World.average` of one float32 tensor of each size, as training calls it."""
    import tensorflow as tf

    result = []
    for size in sizes:
        tensor, seconds = tf.ones(size // 4), []
        average = tf.function(lambda value, size=size: world.average([value], f"scaling_{size}"))
        for _ in range(repeats + 2):
            world.barrier()
            started = time.monotonic()
            average(tensor)[0].numpy()
            seconds.append(time.monotonic() - started)
            report({})
        result.append(median(seconds[2:]))  # the first calls trace the graph and connect
    return result
