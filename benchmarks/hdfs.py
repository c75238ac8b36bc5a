"""HDFS: the same dataset read into training from HDFS and from the local file system, side by side.

HDFS runs on this machine: a NameNode and two DataNodes, each a process, replication 2, on the loopback address and on
the same cores as the readers. So the comparison is about HDFS' copies, checksums and round trips, not about a network
or a disk: the files are in the operating system's cache on both sides. Training is the small CNN of the benchmark
`train` on two ranks. The feed alone is what the benchmark `read` measures, and the harder test: nothing is computed
between the reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benchmarks import read, train
from benchmarks.data import NOISE, make_dataset
from benchmarks.fresh import Side, fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate
from benchmarks.timing import in_turn, ratio, warm_up

ROWS = 30_000
LOCAL, HDFS = "the local file system", "HDFS"
_FEED, _TRAINING = "feed alone", "training"


def measure(options: Options) -> Result:
    from cluster import Cluster

    rows = options.rows or ROWS
    options.report("starting HDFS")
    with (Cluster(options.folder / "cluster") as cluster, fresh(options.folder, "feed") as feed,
          fresh(options.folder, "training") as training):
        lakes = {LOCAL: str(options.folder / "lake"), HDFS: f"{cluster.start('hdfs').hdfs}/lake"}
        options.report("making the dataset, twice")
        refs = {where: training(make_dataset, lake, rows, options.cores)[0] for where, lake in lakes.items()}
        window = read.window_mb(rows, NOISE.shape, read.SMALL.window_mb)
        sides: dict[str, Callable[[], float]] = {}
        for where, lake in lakes.items():
            sides[label(_FEED, where)] = partial(_rate_of_feed, feed, lake, refs[where], window, rows)
            sides[label(_TRAINING, where)] = partial(_rate_of_training, training, lake, refs[where], options.cores)
        warm_up(sides, options.report)
        figures = in_turn(sides, options.pairs, options.report)
        training(train.stop, options.cores)
    return compare(figures, options.title(rows, NOISE.description))


def label(what: str, where: str) -> str:
    """The name of a reader with its storage."""
    return f"{what}, {where}"


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Takes rows per second of each round."""
    lines = []
    for what, key in ((_TRAINING, "training_vs_local"), (_FEED, "feed_vs_local")):
        local, remote = figures[label(what, LOCAL)], figures[label(what, HDFS)]
        lines += [Line(label(what, LOCAL), rate(local)),
                  Line(label(what, HDFS), rate(remote), key, ratio(remote, local), at_least(0.8))]
    return Result("hdfs", title, lines)


def _rate_of_feed(side: Side, lake: str, ref: str, window: float, rows: int) -> float:
    return rows * read.EPOCHS / float(side(read.time_laketrain, lake, ref, window))


def _rate_of_training(side: Side, lake: str, ref: str, cores: int) -> float:
    return float(side(train.fit_ranks, lake, ref, cores, "small", train.EPOCHS).rate)
