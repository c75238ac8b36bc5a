"""Starts ranks on Spark's executors, supervises them, and ends them all when one fails.

    def task(world, report):
        for step in range(100):
            report({"step": step, "loss": train_one()})
        return {"weights": "checkpoints/mnist@3"}

    results = launch(spark, task, ranks=4, on_event=show, deadline=300)

The ranks are the tasks of one barrier stage. The driver runs a rendezvous server while the stage runs. Results come
back through Spark, as JSON. However it ends (a rank raises, dies or hangs, `on_event` raises, Ctrl-C), no rank, thread
or port is left when `launch` returns. It never starts ranks twice: its caller may launch again from a checkpoint.
"""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from laketrain.distributed.backend import AUTO, check_backend
from laketrain.distributed.launch.barrier_job import BarrierJob
from laketrain.distributed.launch.diagnosis import failure_error, hang_error
from laketrain.distributed.launch.rank_states import RankEvent, RankRegistry
from laketrain.distributed.launch.rendezvous import Rendezvous
from laketrain.distributed.launch.reporter import LaunchSpec
from laketrain.distributed.launch.slots import is_local, require_slots
from laketrain.distributed.launch.worker import RankTask, Task
from laketrain.errors import LaunchError

OnEvent = Callable[[int, Any], None]

POLL_SECONDS = 0.2
"""How often the driver checks the ranks."""
DIAGNOSIS_SECONDS = 4.0
"""How long it waits after the first failure for Spark to end the job, with a message of its own."""
LAST_LOG_SECONDS = 1.0
"""How long it waits for the last lines of the rank that failed."""

_PORT, _LAST_PORT = "spark.laketrain.port", 65535


def launch(spark: Any, task: Task, ranks: int, *, threads: int | None = None, deadline: float = 600.0,
           on_event: OnEvent | None = None, name: str = "train", backend: str = AUTO) -> list[Any]:
    """Run `task(world, report)` on `ranks` ranks at once; the results in rank order.

    Args:
        spark: a SparkSession with a SparkContext (not Spark Connect).
        task: picklable by cloudpickle; its result is JSON-like. `report(event)` sends an event of `laketrain.events` or
            a dictionary to `on_event`, and counts as progress; `report({})` is progress alone.
        ranks: at most as many as Spark has slots. One rank needs no backend.
        threads: of TensorFlow and OpenMP per rank; by default an equal part of the executor's cores.
        deadline: seconds that a rank may go without progress; longer before its task starts. `RankRegistry.overdue`
            decides when a rank is given up.
        on_event: called as `on_event(rank, event)` in this thread, in the order each rank reported.
        name: of the stage, for errors and Spark's job list.
        backend: what connects the ranks: `horovod`, `tensorflow`, or `auto`: Horovod if all ranks have it.

    Raises:
        LaunchError: Spark has too few slots, or the ranks could not be started.
        RankError: a rank raised, died or hung; names the first that did, why, and its last lines.
        LaketrainError: a rank raised it; its class and fields are kept, and its `__cause__` is the RankError.
    """
    sc = _spark_context(spark, name)
    check_backend(backend, name)
    require_slots(sc, ranks, name)
    registry = RankRegistry(ranks, backend)
    bind_host, host = _addresses(sc)
    with _start_server(bind_host, ranks, registry, _ports(sc.getConf(), name), name) as server:
        spec = LaunchSpec(name=name, ranks=ranks, host=host, port=server.port, token=server.token, deadline=deadline,
                          threads=threads, cores=_executor_cores(sc), log_events=not is_local(sc.master))
        job = BarrierJob(sc, RankTask(spec, task), ranks, f"laketrain {name}: {ranks} ranks", on_end=registry.wake)
        try:
            job.start()
            return _supervise(job, registry, spec, on_event)
        finally:
            registry.close()
            job.end()


def _supervise(job: BarrierJob, registry: RankRegistry, spec: LaunchSpec, on_event: OnEvent | None) -> list[Any]:
    """Forward events until the job ends. Returns its results, or raises the error that ended it."""
    give_up_at = None
    while not job.has_ended:
        _forward(registry.next_event(POLL_SECONDS), on_event)
        hung = registry.overdue(spec.deadline)
        if hung is not None and give_up_at is None:
            raise hang_error(registry, hung, spec.name, spec.deadline)
        if registry.first_failure() is not None:
            give_up_at = give_up_at or time.monotonic() + DIAGNOSIS_SECONDS
            if time.monotonic() > give_up_at:
                break
    for event in registry.drain():
        _forward(event, on_event)
    if job.has_ended and job.error is None:
        return [json.loads(text) for text in job.results]
    _await_last_logs(registry)
    raise failure_error(registry, spec.name, job.error or "")


def _forward(event: RankEvent | None, on_event: OnEvent | None) -> None:
    if event is not None and on_event is not None:
        on_event(*event)


def _await_last_logs(registry: RankRegistry) -> None:
    """Wait a moment for the last lines of the first rank that failed: its log forwarder sends them after its end."""
    end = time.monotonic() + LAST_LOG_SECONDS
    while time.monotonic() < end:
        state = registry.first_failure()
        if state is not None and state.exited_at is not None:
            return
        time.sleep(0.02)


def _spark_context(spark: Any, name: str) -> Any:
    try:
        return spark.sparkContext
    except Exception as error:
        raise LaunchError(name, "the Spark session", f"has no SparkContext ({type(error).__name__}), expected one",
                          "use classic Spark: Spark Connect can't run a barrier stage") from error


def _addresses(sc: Any) -> tuple[str, str]:
    """The address to listen at, and the one at which executors reach it: Spark's own settings for the driver."""
    if is_local(sc.master):
        return "127.0.0.1", "127.0.0.1"
    conf = sc.getConf()
    host = conf.get("spark.driver.host")
    return conf.get("spark.driver.bindAddress", host), host


def _ports(conf: Any, name: str) -> range:
    """The ports to try: 0 (any free one) or, where a firewall needs a fixed one, `spark.laketrain.port` and as many
    above it as `spark.port.maxRetries`."""
    setting, retries = conf.get(_PORT, "0"), conf.get("spark.port.maxRetries", "16")
    if not (setting.isdecimal() and int(setting) <= _LAST_PORT):
        raise LaunchError(name, _PORT, f"got {setting!r}, expected 0 for any free port, or one up to {_LAST_PORT}")
    first = int(setting)
    return range(first, min(first + (int(retries) if first else 0), _LAST_PORT) + 1)


def _start_server(host: str, ranks: int, registry: RankRegistry, ports: range, name: str) -> Rendezvous:
    for port in ports:
        try:
            return Rendezvous(socket.gethostbyname(host), ranks, registry.handle, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LaunchError(name, f"the ranks' rendezvous server at {host}:{port or '<any port>'}",
                                  f"can't listen ({error})", "set spark.driver.bindAddress to an address of this host "
                                  f"that executors reach, and {_PORT} to a port that you may use") from error
    taken = f"port {ports[0]} is" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]} are"
    raise LaunchError(name, f"the ranks' rendezvous server at {host}", f"{taken} taken by other programs",
                      f"set {_PORT} to a free port, or remove it; spark.port.maxRetries is how many more are tried")


def _executor_cores(sc: Any) -> int | None:
    """Cores of an executor, if configured. In local mode, ranks count the driver's own."""
    cores = None if is_local(sc.master) else sc.getConf().get("spark.executor.cores")
    return int(cores) if cores else None
