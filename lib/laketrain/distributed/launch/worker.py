"""Runs a rank in a Spark task: join the other ranks, set up the process, run the task, clean up.

    sc.parallelize(range(n), n).barrier().mapPartitions(RankTask(spec, task))

Spark reuses its Python processes, so the next launch has TensorFlow imported already. Therefore this restores all that
it changes: environment, standard output, Keras' global state. Ranks join through the driver's rendezvous server, since
`BarrierTaskContext.allGather` sleeps for a whole second.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from laketrain.distributed.backend import BACKENDS, Backend, PeerFailed, backend_for, is_peer_failure
from laketrain.distributed.collectives.collective_names import reset_numbers
from laketrain.distributed.collectives.serialization import to_json
from laketrain.distributed.launch.capture_output import capture_output
from laketrain.distributed.launch.network import local_address_towards
from laketrain.distributed.launch.parent_watch import end_with_parent
from laketrain.distributed.launch.reporter import DriverClient, DriverUnreachable, LaunchSpec, Reporter
from laketrain.distributed.launch.topology import RankTopology, rank_topologies, threads_per_rank
from laketrain.distributed.world import World
from laketrain.errors import LaketrainError, LaunchError
from laketrain.events import Event

Report = Callable[[Event | dict[str, Any]], None]
Task = Callable[[World, Report], Any]

PEER_FAILURE_SECONDS = 20.0
TRACE_LINES = 16

_threads_in_use: int | None = None


@dataclass(frozen=True)
class TaskInfo:
    """What Spark knows of this task."""

    rank: int
    attempt: int
    attempt_id: int
    cpus: int
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class RankTask:
    """The function of the barrier stage's partitions. Yields one text, the task's result as JSON."""

    spec: LaunchSpec
    task: Task

    def __call__(self, rows: Iterable[Any]) -> Iterator[str]:
        from pyspark import BarrierTaskContext

        context = BarrierTaskContext.get()
        gpus = (context.resources() or {}).get("gpu")
        info = TaskInfo(context.partitionId(), context.attemptNumber(), context.taskAttemptId(), context.cpus(),
                        tuple(gpus.addresses) if gpus else ())
        yield run_rank(self.spec, info, self.task)


def run_rank(spec: LaunchSpec, info: TaskInfo, task: Task) -> str:
    """Run the task as one rank; its result as JSON. An error is reported to the driver, then raised."""
    client = DriverClient(spec)
    with (contextlib.closing(client), end_with_parent(), capture_output(spec, info.rank),
          Reporter(spec, info.rank) as report):
        try:
            joined = _join(client, spec, info)
            topology = joined.topology
            with environment(_variables(spec, info, joined)), _connected(spec, joined):
                reset_numbers()
                report({})
                world = World(topology.rank, topology.size, topology.local_rank, joined.backend_name)
                result = _result_json(task(world, report))
                report.flush()
                _poll_until_ready(client, {"kind": "finish", "rank": info.rank})
            _clean_up()
            return result
        except BaseException as error:
            _report_failure(client, info.rank, report, error)
            raise


# Joining the other ranks.


@dataclass(frozen=True)
class Joined:
    """What a rank knows once all ranks have joined.

    Attributes:
        executor_ranks: the number of ranks on its executor.
        backend_name: the one that the driver chose. offers: for it, of all ranks.
    """

    topology: RankTopology
    executor_ranks: int
    backend_name: str
    offers: tuple[str, ...]

    @property
    def backend(self) -> Backend:
        return backend_for(self.topology.size, self.backend_name)


def _join(client: DriverClient, spec: LaunchSpec, info: TaskInfo) -> Joined:
    """Offer this rank's backends, and wait until all ranks have joined."""
    if info.attempt > 0:
        raise _refuse_retry(info.rank)
    host = f"{socket.gethostname()}/{local_address_towards(spec.host)}"
    executor = f"{host}/{os.getppid()}"
    with _offered(spec) as offers:
        response = _poll_until_ready(client, {"kind": "join", "rank": info.rank, "host": host, "executor": executor,
                                              "process": f"{executor}/{os.getpid()}/{info.attempt_id}",
                                              "offers": offers})
        name = response["backend"]
        if spec.ranks > 1 and name not in offers:
            raise _not_installed(spec, info.rank, name)
        chosen = tuple(each.get(name, "") for each in response["offers"])
        offers.pop(name, None)  # kept for `init`
    return Joined(rank_topologies(response["hosts"])[info.rank], response["executors"].count(executor), name, chosen)


@contextlib.contextmanager
def _offered(spec: LaunchSpec) -> Iterator[dict[str, str]]:
    """The backends that this rank has. Those that are in it when the `with` ends are withdrawn."""
    offers = {name: offer for name, backend in BACKENDS.items()
              if spec.ranks > 1 and (offer := backend.offer(spec.host)) is not None}
    try:
        yield offers
    finally:
        for name in offers:
            BACKENDS[name].withdraw()


def _not_installed(spec: LaunchSpec, rank: int, name: str) -> LaunchError:
    return LaunchError(spec.name, f"backend {name!r}", "isn't installed, or not for this TensorFlow, on the host of "
                       f"rank {rank} ({socket.gethostname()})", "give the executors an environment that `make setup` "
                       "made where there is a C++ compiler, or set train.backend to auto or tensorflow")


def _refuse_retry(rank: int) -> LaunchError:
    return LaunchError("launch", f"rank {rank}", "was started again by Spark, without the other ranks or their state",
                       "the driver relaunches from a checkpoint; set spark.stage.maxConsecutiveAttempts to 1")


def _poll_until_ready(client: DriverClient, message: dict[str, Any]) -> dict[str, Any]:
    """The response, once it is `ready`; the server delays each response for up to a second."""
    while True:
        response = client.request(message)
        if response["state"] == "ready":
            return response
        if response["state"] == "refused":
            raise _refuse_retry(message["rank"])
        if response["state"] == "failed":
            raise PeerFailed("another rank failed")


# The process of a rank.


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables inside the `with`, and restore them after it."""
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


def _variables(spec: LaunchSpec, info: TaskInfo, joined: Joined) -> dict[str, str]:
    """The environment variables of this rank."""
    threads = spec.threads or max(info.cpus, _default_threads(spec, joined.topology, joined.executor_ranks))
    _set_threads(threads)
    variables = {"LAKETRAIN_RANK": str(info.rank), "KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": str(threads),
                 "TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads),
                 "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1"),
                 # The process lives on after the launch, and must not keep a whole GPU from the next one.
                 "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if info.gpus:
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(info.gpus)
    return variables | joined.backend.environment(joined.topology, spec)


def _default_threads(spec: LaunchSpec, topology: RankTopology, executor_ranks: int) -> int:
    """This rank's part of its executor's cores or, if they aren't configured, of its host's."""
    if spec.cores is not None:
        return threads_per_rank(spec.cores, executor_ranks)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return threads_per_rank(cores, topology.local_size)


def _set_threads(threads: int) -> None:
    """TensorFlow reads its number of threads from the environment when it starts, and can't change it later."""
    global _threads_in_use
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and _threads_in_use != threads:
        try:
            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            print(f"laketrain: TensorFlow already runs in this Spark Python process and keeps its number of threads, "
                  f"not the requested {threads}", file=sys.stderr)
    _threads_in_use = threads


@contextlib.contextmanager
def _connected(spec: LaunchSpec, joined: Joined) -> Iterator[None]:
    """Connects to the other ranks. After a failure there is no `shutdown`, which would wait for ranks that are gone."""
    joined.backend.init(joined.topology, spec, joined.offers)
    yield
    joined.backend.shutdown()


def _clean_up() -> None:
    """Release models and graphs, since the process waits for the next launch. Spark collects the garbage afterwards."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.backend.clear_session(free_memory=False)
    _remove_custom_gradients()
    _remove_generated_modules()


def _remove_custom_gradients() -> None:
    """TensorFlow keeps each custom gradient of a graph forever, and with it the graph. Keras' optimizers register one
    in each train step that is traced, so a process that trained a hundred times would hold a hundred graphs.
    """
    ops = sys.modules.get("tensorflow.python.framework.ops")
    registry = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]


def _remove_generated_modules() -> None:
    """AutoGraph generates a module for each user function that it converts. It keeps them forever, and removes their
    files when Python exits normally, which Spark's workers don't."""
    for name in [name for name in sys.modules if name.startswith("__autograph_generated_file")]:
        file = sys.modules.pop(name).__file__
        if file:
            with contextlib.suppress(OSError):
                os.remove(file)


# Reporting the end.


def _result_json(result: Any) -> str:
    try:
        return to_json(result)
    except (TypeError, ValueError) as error:
        raise LaunchError("launch", "the task's result", str(error), "put large results into the lake") from error


def _report_failure(client: DriverClient, rank: int, report: Reporter, error: BaseException) -> None:
    """Report to the driver first, then let the caller raise the error in the Spark task.

    A rank that failed only because a peer did sleeps first, so that Spark reports the original failure.
    """
    report.flush()
    failure = describe_error(error)
    with contextlib.suppress(DriverUnreachable):
        client.request({"kind": "fail", "rank": rank, "failure": failure}, timeout=5)
    if failure["peer_failure"]:
        time.sleep(PEER_FAILURE_SECONDS)


def describe_error(error: BaseException) -> dict[str, Any]:
    """An error as JSON: its type, first lines, end of the traceback; and the fields if it is a LaketrainError."""
    message = str(error).strip()
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    failure: dict[str, Any] = {
        "type": type(error).__name__,
        "message": "\n".join(message.splitlines()[:6])[:1000],
        "trace": trace[-TRACE_LINES:],
        "peer_failure": is_peer_failure(error),
    }
    if isinstance(error, LaketrainError):
        failure["fields"] = [error.stage, error.subject, error.problem, error.hint]
    return failure
