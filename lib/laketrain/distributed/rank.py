"""What runs in a Spark task to be a rank: meet the others, take a place, do the task, leave the process clean.

    sc.parallelize(range(n), n).barrier().mapPartitions(RankTask(ticket, task))

Spark reuses its Python processes, and the next launch profits: TensorFlow is imported already. So whatever is changed
here is put back: environment, standard output, Keras' global state. The roll is called through the driver's rendezvous
server and not by `BarrierTaskContext.allGather`, which sleeps for a whole second.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from laketrain.distributed.naming import restart_numbers
from laketrain.distributed.places import Place, places, threads_each
from laketrain.distributed.plain import to_json
from laketrain.distributed.reporter import Link, Reporter, Ticket, Unreachable
from laketrain.distributed.watch import watched
from laketrain.distributed.witnessed import witnessed
from laketrain.distributed.world import World
from laketrain.errors import LaketrainError, LaunchError
from laketrain.imports import import_tensorflow

Report = Callable[[dict[str, Any]], None]
Task = Callable[[World, Report], Any]

COLLATERAL_SECONDS = 20.0
TRACE_LINES = 16

# How Horovod and Gloo say that another rank has gone: an effect, never the first cause.
_COLLATERAL = re.compile(r"HorovodInternalError|Horovod has been shut down|gloo/transport|Connection closed by peer"
                         r"|Connection reset by peer")

_threads_in_use: int | None = None


class OthersFailed(Exception):
    """This rank is fine; another is not."""


@dataclass(frozen=True)
class Seat:
    """What Spark says of this task."""

    rank: int
    attempt: int
    attempt_id: int
    cpus: int
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class RankTask:
    """The function of the barrier stage's partitions. Gives one text, the task's result as JSON."""

    ticket: Ticket
    task: Task

    def __call__(self, rows: Iterable[Any]) -> Iterator[str]:
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        gpus = (context.resources() or {}).get("gpu")
        seat = Seat(context.partitionId(), context.attemptNumber(), context.taskAttemptId(), context.cpus(),
                    tuple(gpus.addresses) if gpus else ())
        yield be_rank(self.ticket, seat, self.task)


def be_rank(ticket: Ticket, seat: Seat, task: Task) -> str:
    """Be a rank: the result of the task as JSON. What goes wrong is told to the driver, then raised."""
    link = Link(ticket)
    with contextlib.closing(link), watched(), witnessed(ticket, seat.rank), Reporter(ticket, seat.rank) as report:
        try:
            place, companions = _join(link, ticket, seat)
            with environment(_variables(ticket, seat, place, companions)), _horovod(place):
                restart_numbers()
                report({})
                result = _as_json(task(World(place.rank, place.size, place.local_rank), report))
                report.flush()
                _ask_until_ready(link, {"kind": "finish", "rank": seat.rank})
            _clean()
            return result
        except BaseException as error:
            _tell(link, seat.rank, report, error)
            raise


# Meeting the others.


def _join(link: Link, ticket: Ticket, seat: Seat) -> tuple[Place, int]:
    """This rank's place, and how many ranks share its executor, once all ranks are there."""
    if seat.attempt > 0:
        raise _refuse_retry(seat.rank)
    host = f"{socket.gethostname()}/{_address_towards(ticket.host)}"
    executor = f"{host}/{os.getppid()}"
    answer = _ask_until_ready(link, {"kind": "hello", "rank": seat.rank, "host": host, "executor": executor,
                                     "process": f"{executor}/{os.getpid()}/{seat.attempt_id}"})
    place = places(answer["hosts"])[seat.rank]
    return place, answer["executors"].count(executor)


def _refuse_retry(rank: int) -> LaunchError:
    return LaunchError("launch", f"rank {rank}", "was started again by Spark, alone or without its past",
                       "the driver relaunches from a checkpoint; set spark.stage.maxConsecutiveAttempts to 1")


def _ask_until_ready(link: Link, question: dict[str, Any]) -> dict[str, Any]:
    """The answer, when it is `ready`; the server holds each for up to a second."""
    while True:
        answer = link.ask(question)
        if answer["state"] == "ready":
            return answer
        if answer["state"] == "refused":
            raise _refuse_retry(question["rank"])
        if answer["state"] == "failed":
            raise OthersFailed("another rank failed")


def _address_towards(host: str) -> str:
    """Our address on the route to `host`. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((host, 9))
        return str(route.getsockname()[0])


def _interface_of(address: str) -> str:
    """The name of the network interface that has `address`: Gloo takes names."""
    import psutil

    for name, addresses in psutil.net_if_addrs().items():
        if any(entry.address == address for entry in addresses):
            return str(name)
    raise LaunchError("launch", f"address {address}", "belongs to no network interface of this host")


# The environment of a rank.


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put back what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _variables(ticket: Ticket, seat: Seat, place: Place, companions: int) -> dict[str, str]:
    threads = ticket.threads or max(seat.cpus, _equal_part(ticket, place, companions))
    _use_threads(threads)
    variables = {"KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": str(threads),
                 "TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads),
                 "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1"),
                 # The process outlives its ranks for a while, and shall not keep a whole GPU from those who come next.
                 "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if seat.gpus:
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(seat.gpus)
    return variables | _horovod_variables(ticket, place) if place.size > 1 else variables


def _equal_part(ticket: Ticket, place: Place, companions: int) -> int:
    """This rank's part of its executor's cores or, where Spark can't tell them, of its host's."""
    if ticket.cores is not None:
        return threads_each(ticket.cores, companions)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads_each(usable, place.local_size)


def _use_threads(threads: int) -> None:
    """TensorFlow takes its threads from the environment when it starts; in a process where it has, it can't change."""
    global _threads_in_use
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and _threads_in_use != threads:
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            print(f"laketrain: TensorFlow runs already in this Spark Python process, and keeps its number of threads; "
                  f"{threads} were wanted", file=sys.stderr)
    _threads_in_use = threads


def _horovod_variables(ticket: Ticket, place: Place) -> dict[str, str]:
    driver = socket.gethostbyname(ticket.host)
    seconds = max(1, int(min(60.0, ticket.deadline / 3)))
    return {
        "HOROVOD_RANK": str(place.rank), "HOROVOD_SIZE": str(place.size),
        "HOROVOD_LOCAL_RANK": str(place.local_rank), "HOROVOD_LOCAL_SIZE": str(place.local_size),
        "HOROVOD_CROSS_RANK": str(place.cross_rank), "HOROVOD_CROSS_SIZE": str(place.cross_size),
        "HOROVOD_HOSTNAME": f"h{place.host}",
        "HOROVOD_CONTROLLER": "gloo", "HOROVOD_CPU_OPERATIONS": "gloo",
        # Gloo's client pastes "http://", this, ":", the port and the path together: so the token gets into each path.
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": f"{driver}:{ticket.port}/{ticket.token}", "HOROVOD_GLOO_RENDEZVOUS_PORT": "0",
        "HOROVOD_GLOO_IFACE": _interface_of(_address_towards(driver)),
        "HOROVOD_GLOO_TIMEOUT_SECONDS": str(max(30, int(ticket.deadline))),
        "HOROVOD_STALL_CHECK_TIME_SECONDS": str(seconds),
    }


@contextlib.contextmanager
def _horovod(place: Place) -> Iterator[None]:
    """Horovod, started. It is not shut down after a failure: that waits for ranks that may never come."""
    if place.size == 1:
        yield
        return
    import_tensorflow()
    import horovod.tensorflow as hvd

    hvd.init()
    yield
    hvd.shutdown()


def _clean() -> None:
    """Let go of models and graphs: the process waits for the next launch. Spark collects the garbage, afterwards."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.backend.clear_session(free_memory=False)
    _forget_gradients()
    _remove_generated()


def _forget_gradients() -> None:
    """TensorFlow keeps for ever what a graph registers as its own gradient, and by it the graph. Keras' optimizers
    register one in each train step that is traced: a process that trained a hundred times would hold a hundred graphs.
    """
    ops = sys.modules.get("tensorflow.python.framework.ops")
    known = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in known if name.startswith("CustomGradient-")]:
        del known[name]


def _remove_generated() -> None:
    """AutoGraph makes a module for each function of a user's that it converts. It keeps them for ever, and removes
    their files when Python ends: which Spark's workers don't live to see."""
    for name in [name for name in sys.modules if name.startswith("__autograph_generated_file")]:
        file = sys.modules.pop(name).__file__
        if file:
            with contextlib.suppress(OSError):
                os.remove(file)


# Saying how it ended.


def _as_json(result: Any) -> str:
    try:
        return to_json(result)
    except (TypeError, ValueError) as error:
        raise LaunchError("launch", "the task's result", str(error), "put large results into the lake") from error


def _tell(link: Link, rank: int, report: Reporter, error: BaseException) -> None:
    """Tell the driver first, then let the error take its way through Spark.

    A rank that only felt another's end waits for its own, so that Spark names the one that began.
    """
    report.flush()
    failure = describe(error)
    with contextlib.suppress(Unreachable):
        link.ask({"kind": "fail", "rank": rank, "failure": failure}, patience=5)
    if failure["collateral"]:
        time.sleep(COLLATERAL_SECONDS)


def is_collateral(error: BaseException) -> bool:
    """Whether it only says that another rank has gone."""
    return isinstance(error, OthersFailed) or bool(_COLLATERAL.search(f"{type(error).__name__} {error}"))


def describe(error: BaseException) -> dict[str, Any]:
    """An error as JSON: its type, first lines, last lines of the trace; and the fields, if it is one of ours."""
    message = str(error).strip()
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    failure: dict[str, Any] = {
        "type": type(error).__name__,
        "message": "\n".join(message.splitlines()[:6])[:1000],
        "trace": trace[-TRACE_LINES:],
        "collateral": is_collateral(error),
    }
    if isinstance(error, LaketrainError):
        failure["fields"] = [error.stage, error.subject, error.problem, error.hint]
    return failure
