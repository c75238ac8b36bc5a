"""How many ranks Spark can run at once. Refuses a launch that needs more.

    require_slots(sc, ranks=4, name="train")    # LaunchError: 4 ranks, 2 slots, and the remedy

A slot is room for one task: `spark.task.cpus` cores (and GPUs, if the task needs them) of one executor.
"""

from __future__ import annotations

import re
import time
from typing import Any

from laketrain.errors import LaunchError

OPTIONAL_WAIT_SECONDS = 60.0
"""How long to wait for executors without which fewer ranks can train."""
REQUIRED_WAIT_SECONDS = 300.0
"""How long to wait for executors without which the launch fails: a node may unpack a gigabyte of Python for minutes."""
UNKNOWN_WAIT_SECONDS = 15.0
"""The longest wait if the configuration doesn't say how many executors will come."""
_LOCAL = re.compile(r"local(\[.*\])?")


def is_local(master: str) -> bool:
    """Whether tasks run inside the driver's own JVM."""
    return bool(_LOCAL.fullmatch(master))


def require_slots(sc: Any, ranks: int, name: str, timeout: float = REQUIRED_WAIT_SECONDS) -> None:
    """Return once Spark has a slot for every rank. Waits for up to `timeout` seconds for configured executors.

    Raises:
        LaunchError: the configuration has too few, or they did not come; with both numbers.
    """
    if type(ranks) is not int or ranks < 1:
        raise LaunchError(name, "ranks", f"got {ranks!r}, expected a whole number from 1")
    slots, configured = _slots_after_wait(sc, ranks, name, timeout)
    if slots < ranks:
        raise LaunchError(name, _count(ranks, "rank"), _too_few(sc.master, slots, configured, ranks),
                          _remedy(sc.master, slots))


def slots_for(spark: Any, ranks: int, name: str, timeout: float = OPTIONAL_WAIT_SECONDS) -> int:
    """The number of slots, once there are `ranks`, or after `timeout` seconds, or when no more can come."""
    return _slots_after_wait(spark.sparkContext, ranks, name, timeout)[0]


def _slots_after_wait(sc: Any, ranks: int, name: str, timeout: float) -> tuple[int, int | None]:
    """The slots after the wait, and those that the configuration requests from the cluster."""
    conf = sc.getConf()
    _refuse_dynamic_allocation(sc.master, conf, name)
    configured = 0 if is_local(sc.master) else configured_slots(conf)
    return _wait_for_slots(sc, ranks, configured, timeout), configured


def _wait_for_slots(sc: Any, ranks: int, configured: int | None, timeout: float) -> int:
    slots = slots_now(sc)
    if configured is None:
        timeout = min(timeout, UNKNOWN_WAIT_SECONDS)
    elif configured < ranks:
        timeout = 0.0
    end = time.monotonic() + timeout
    while slots < ranks and time.monotonic() < end:
        time.sleep(0.25)
        slots = slots_now(sc)
    return slots


def slots_now(sc: Any) -> int:
    """Slots of the registered executors: the number that Spark compares with the tasks of a barrier stage."""
    from py4j.protocol import Py4JError

    spark = sc._jsc.sc()
    try:
        return int(spark.maxNumConcurrentTasks(spark.resourceProfileManager().defaultResourceProfile()))
    except Py4JError:  # not in Spark's public interface: another version may name it otherwise
        return int(sc.defaultParallelism)


def configured_slots(conf: Any) -> int | None:
    """Slots that a SparkConf requests from the cluster; None if it sets no number of executors or cores."""
    instances, cores = conf.get("spark.executor.instances"), int(conf.get("spark.executor.cores", "1"))
    task_cpus = int(conf.get("spark.task.cpus", "1"))
    if instances is not None:
        return int(instances) * (cores // task_cpus)
    max_cores = conf.get("spark.cores.max")
    return int(max_cores) // task_cpus if max_cores is not None else None


def _refuse_dynamic_allocation(master: str, conf: Any, name: str) -> None:
    if not is_local(master) and conf.get("spark.dynamicAllocation.enabled", "false").lower() == "true":
        raise LaunchError(name, "spark.dynamicAllocation.enabled", "got true, but Spark can't run ranks (a barrier "
                          "stage) with dynamic allocation",
                          "set it to false, and spark.executor.instances to a number")


def _too_few(master: str, slots: int, configured: int | None, ranks: int) -> str:
    problem = f"Spark ({master}) has {_count(slots, 'slot')}"
    if configured is not None and configured >= ranks:
        return f"{problem} of the {configured} that its configuration requests; the other executors did not register"
    return problem


def _remedy(master: str, slots: int) -> str:
    fewer = f"ask for at most {_count(slots, 'rank')}, or " if slots else ""
    if is_local(master):
        return f"{fewer}start Spark with a master of local[N], N the ranks"
    return f"{fewer}give Spark more executors (spark.executor.instances × spark.executor.cores / spark.task.cpus)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
