"""How many ranks Spark can run at once, and the refusal of a launch that asks for more.

    require_slots(sc, ranks=4, name="train")    # LaunchError: 4 ranks, 2 slots, and the remedy

A slot is room for one task: `spark.task.cpus` cores (and GPUs, where the task asks for them) of one executor.
"""

from __future__ import annotations

import re
import time
from typing import Any

from laketrain.errors import LaunchError

REGISTER_SECONDS = 60.0
"""How long executors that could be done without are waited for."""
NEEDED_SECONDS = 300.0
"""How long those are without which there is only an error: a node may unpack a gigabyte of Python for minutes."""
UNKNOWN_SECONDS = 15.0
_LOCAL = re.compile(r"local(\[.*\])?")


def is_local(master: str) -> bool:
    """Whether tasks run inside the driver's own JVM."""
    return bool(_LOCAL.fullmatch(master))


def require_slots(sc: Any, ranks: int, name: str, patience: float = NEEDED_SECONDS) -> None:
    """Return once Spark has a slot for every rank, having waited for promised executors for up to `patience` seconds.

    Raises:
        LaunchError: there will never be enough, or they did not come; with both numbers.
    """
    if type(ranks) is not int or ranks < 1:
        raise LaunchError(name, "ranks", f"got {ranks!r}, expected a whole number from 1")
    now, promised = _awaited(sc, ranks, name, patience)
    if now < ranks:
        raise LaunchError(name, _count(ranks, "rank"), _too_few(sc.master, now, promised, ranks),
                          _remedy(sc.master, now))


def slots_for(spark: Any, wanted: int, name: str, patience: float = REGISTER_SECONDS) -> int:
    """The slots there are, once they are `wanted` or no more can be hoped for within `patience` seconds."""
    return _awaited(spark.sparkContext, wanted, name, patience)[0]


def _awaited(sc: Any, ranks: int, name: str, patience: float) -> tuple[int, int | None]:
    """The slots there are after the wait, and those that the configuration asks the cluster for."""
    conf = sc.getConf()
    _refuse_dynamic_allocation(sc.master, conf, name)
    promised = 0 if is_local(sc.master) else slots_promised(conf)
    return _wait_for_slots(sc, ranks, promised, patience), promised


def _wait_for_slots(sc: Any, ranks: int, promised: int | None, patience: float) -> int:
    """The slots there are, once they are enough, or no more can be hoped for."""
    now = slots_now(sc)
    if promised is None:
        patience = min(patience, UNKNOWN_SECONDS)
    elif promised < ranks:
        patience = 0.0
    end = time.monotonic() + patience
    while now < ranks and time.monotonic() < end:
        time.sleep(0.25)
        now = slots_now(sc)
    return now


def slots_now(sc: Any) -> int:
    """Slots of the executors that are there: the number that Spark holds a barrier stage against."""
    from py4j.protocol import Py4JError

    spark = sc._jsc.sc()
    try:
        return int(spark.maxNumConcurrentTasks(spark.resourceProfileManager().defaultResourceProfile()))
    except Py4JError:  # not of Spark's public interface: another version may name it otherwise
        return int(sc.defaultParallelism)


def slots_promised(conf: Any) -> int | None:
    """Slots that a SparkConf asks the cluster for, None where it does not say."""
    instances, cores = conf.get("spark.executor.instances"), int(conf.get("spark.executor.cores", "1"))
    task_cpus = int(conf.get("spark.task.cpus", "1"))
    if instances is not None:
        return int(instances) * (cores // task_cpus)
    most = conf.get("spark.cores.max")
    return int(most) // task_cpus if most is not None else None


def _refuse_dynamic_allocation(master: str, conf: Any, name: str) -> None:
    if not is_local(master) and conf.get("spark.dynamicAllocation.enabled", "false").lower() == "true":
        raise LaunchError(name, "spark.dynamicAllocation.enabled", "got true: Spark starts no barrier stage, "
                          "which ranks are, on executors that come and go",
                          "set it to false, and spark.executor.instances to a number")


def _too_few(master: str, now: int, promised: int | None, ranks: int) -> str:
    room = f"Spark ({master}) has {_count(now, 'slot')}"
    if promised is not None and promised >= ranks:
        return f"{room}, of {promised} that its configuration asks for; the others have not come"
    return room


def _remedy(master: str, now: int) -> str:
    fewer = f"ask for at most {_count(now, 'rank')}, or " if now else ""
    if is_local(master):
        return f"{fewer}start Spark with a master of local[N], N the ranks"
    return f"{fewer}give Spark more executors (spark.executor.instances × spark.executor.cores / spark.task.cpus)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
