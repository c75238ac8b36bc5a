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
_LOCAL = re.compile(r"local(\[.*\])?")


def is_local(master: str) -> bool:
    """Whether tasks run inside the driver's own JVM."""
    return bool(_LOCAL.fullmatch(master))


def require_slots(sc: Any, ranks: int, name: str, patience: float = REGISTER_SECONDS) -> None:
    """Return once Spark has a slot for every rank, having waited for promised executors for up to `patience` seconds.

    Raises:
        LaunchError: there will never be enough, or they did not come; with both numbers.
    """
    if type(ranks) is not int or ranks < 1:
        raise LaunchError(name, "ranks", f"got {ranks!r}, expected a whole number from 1")
    _refuse_dynamic_allocation(sc, name)
    end = time.monotonic() + patience
    now, promised = slots_now(sc), slots_promised(sc)
    while now < ranks <= max(now, promised) and time.monotonic() < end:
        time.sleep(0.25)
        now = slots_now(sc)
    if now < ranks:
        problem = _too_few(sc, now, promised, ranks)
        raise LaunchError(name, _count(ranks, "rank"), problem, _remedy(sc, max(now, 1)))


def slots_now(sc: Any) -> int:
    """Slots of the executors that are there: the number that Spark holds a barrier stage against."""
    spark = sc._jsc.sc()
    return int(spark.maxNumConcurrentTasks(spark.resourceProfileManager().defaultResourceProfile()))


def slots_promised(sc: Any) -> int:
    """Slots that the configuration asks the cluster for, 0 where it does not say."""
    conf = sc.getConf()
    instances, cores = conf.get("spark.executor.instances"), int(conf.get("spark.executor.cores", "1"))
    task_cpus = int(conf.get("spark.task.cpus", "1"))
    if instances is not None:
        return int(instances) * (cores // task_cpus)
    return int(conf.get("spark.cores.max", "0")) // task_cpus


def _refuse_dynamic_allocation(sc: Any, name: str) -> None:
    if not is_local(sc.master) and sc.getConf().get("spark.dynamicAllocation.enabled", "false").lower() == "true":
        raise LaunchError(name, "spark.dynamicAllocation.enabled", "got true: Spark starts no barrier stage, "
                          "which ranks are, on executors that come and go",
                          "set it to false, and spark.executor.instances to a number")


def _too_few(sc: Any, now: int, promised: int, ranks: int) -> str:
    room = f"Spark ({sc.master}) has {_count(now, 'slot')}"
    if promised >= ranks:
        return f"{room}, of {promised} that its configuration asks for; the others have not come"
    return f"{room} for {_count(ranks, 'rank')}"


def _remedy(sc: Any, now: int) -> str:
    if is_local(sc.master):
        return f"ask for at most {_count(now, 'rank')}, or start Spark with a master of local[N], N the ranks"
    return (f"ask for at most {_count(now, 'rank')}, or give Spark more executors or cores "
            "(spark.executor.instances × spark.executor.cores / spark.task.cpus)")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
