"""Start ranks on Spark's executors, listen to them, and end them all when one fails.

    def task(world, report):
        for step in range(100):
            report({"step": step, "loss": train_one()})
        return {"weights": "checkpoints/mnist@3"}

    results = launch(spark, task, ranks=4, on_event=show, deadline=300)

One barrier stage, a rank a task. The driver holds a rendezvous server for as long as the stage runs; results come back
through Spark, as JSON. Whatever happens (a rank raises, dies or hangs, `on_event` raises, Ctrl-C) no rank, thread or
port is left when `launch` returns. It never starts ranks twice: starting again, from a checkpoint, is its caller's.
"""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from laketrain.distributed.book import RankBook
from laketrain.distributed.job import RankJob
from laketrain.distributed.rank import RankTask, Task
from laketrain.distributed.rendezvous import Rendezvous
from laketrain.distributed.reporter import Ticket
from laketrain.distributed.slots import is_local, require_slots
from laketrain.distributed.verdict import failed, hung
from laketrain.errors import LaunchError

OnEvent = Callable[[int, dict[str, Any]], None]

LISTEN_SECONDS = 0.2
INQUEST_SECONDS = 4.0

_PORT, _LAST_PORT = "spark.laketrain.port", 65535


def launch(spark: Any, task: Task, ranks: int, *, threads: int | None = None, deadline: float = 600.0,
           on_event: OnEvent | None = None, name: str = "train") -> list[Any]:
    """Run `task(world, report)` on `ranks` ranks at once; the results in rank order.

    Args:
        spark: a SparkSession with a SparkContext (not Spark Connect).
        task: picklable by cloudpickle; its result is JSON-like. `report(event)` sends a dictionary to `on_event`, and
            counts as progress; `report({})` is progress alone.
        ranks: at most as many as Spark has slots. One rank needs no Horovod.
        threads: TensorFlow's and OpenMP's per rank; by default an equal part of the executor's cores.
        deadline: seconds that a rank may go without progress.
        on_event: called as `on_event(rank, event)` in this thread, in the order each rank reported.
        name: the stage that errors and Spark's job list name.

    Raises:
        LaunchError: Spark has too few slots, or the ranks could not be started.
        RankError: a rank raised, died or hung; names the first that did, why, and its last lines.
        LaketrainError: a rank raised it; its class and fields are kept, and its `__cause__` is the RankError.
    """
    sc = _context(spark, name)
    require_slots(sc, ranks, name)
    book = RankBook(ranks)
    listens, reached = _addresses(sc)
    with _server(listens, ranks, book, _ports(sc.getConf(), name), name) as server:
        ticket = Ticket(name=name, ranks=ranks, host=reached, port=server.port, token=server.token, deadline=deadline,
                        threads=threads, cores=_executor_cores(sc), logged=not is_local(sc.master))
        job = RankJob(sc, RankTask(ticket, task), ranks, f"laketrain {name}: {ranks} ranks", ended=book.wake)
        try:
            job.start()
            return _attend(job, book, ticket, on_event)
        finally:
            book.close()
            job.end()


def _attend(job: RankJob, book: RankBook, ticket: Ticket, on_event: OnEvent | None) -> list[Any]:
    """Pass events on until the job ends; its results, or the error that ended it."""
    patience = None
    while not job.over:
        _pass_on(book.next_event(LISTEN_SECONDS), on_event)
        late = book.overdue(ticket.deadline)
        if late is not None and patience is None:
            raise hung(book, late, ticket.name, ticket.deadline)
        if book.first_failure() is not None:
            patience = patience or time.monotonic() + INQUEST_SECONDS
            if time.monotonic() > patience:
                break
    for event in book.drain():
        _pass_on(event, on_event)
    if job.over and job.error is None:
        return [json.loads(text) for text in job.results]
    _hear_witnesses(book)
    raise failed(book, ticket.name, job.error or "")


def _pass_on(event: tuple[int, dict[str, Any]] | None, on_event: OnEvent | None) -> None:
    if event is not None and on_event is not None:
        on_event(*event)


def _hear_witnesses(book: RankBook) -> None:
    """Wait a moment for the last lines of the rank that failed first: its witness sends them when it is dead."""
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        page = book.first_failure()
        if page is not None and page.gone is not None:
            return
        time.sleep(0.02)


def _context(spark: Any, name: str) -> Any:
    try:
        return spark.sparkContext
    except Exception as error:
        raise LaunchError(name, "the Spark session", f"has no SparkContext ({type(error).__name__}), expected one",
                          "ranks need classic Spark: Spark Connect starts no barrier stage") from error


def _addresses(sc: Any) -> tuple[str, str]:
    """Where to listen, and where executors reach it: as `spark.driver.bindAddress` and `.host` say for Spark itself."""
    if is_local(sc.master):
        return "127.0.0.1", "127.0.0.1"
    conf = sc.getConf()
    reached = conf.get("spark.driver.host")
    return conf.get("spark.driver.bindAddress", reached), reached


def _ports(conf: Any, name: str) -> range:
    """The ports to try: any free one (0) or, where a firewall needs to know, `spark.laketrain.port` and as many above
    it as Spark would try for its own."""
    given, more = conf.get(_PORT, "0"), conf.get("spark.port.maxRetries", "16")
    if not (given.isdecimal() and int(given) <= _LAST_PORT):
        raise LaunchError(name, _PORT, f"got {given!r}, expected 0 for any free port, or one up to {_LAST_PORT}")
    first = int(given)
    return range(first, min(first + (int(more) if first else 0), _LAST_PORT) + 1)


def _server(host: str, ranks: int, book: RankBook, ports: range, name: str) -> Rendezvous:
    for port in ports:
        try:
            return Rendezvous(socket.gethostbyname(host), ranks, book.hear, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LaunchError(name, f"the ranks' meeting place at {host}:{port or '<any port>'}",
                                  f"can't listen ({error})", "set spark.driver.bindAddress to an address of this host "
                                  f"that executors reach, and {_PORT} to a port that you may use") from error
    taken = f"port {ports[0]} is" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]} are"
    raise LaunchError(name, f"the ranks' meeting place at {host}", f"{taken} taken by other programs",
                      f"set {_PORT} to a free one, or leave it out; spark.port.maxRetries says how many are tried")


def _executor_cores(sc: Any) -> int | None:
    """Cores of an executor where the configuration tells. Local ranks count the driver's own."""
    cores = None if is_local(sc.master) else sc.getConf().get("spark.executor.cores")
    return int(cores) if cores else None
