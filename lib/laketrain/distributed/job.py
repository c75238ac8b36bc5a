"""The Spark job that ranks run in, in a thread of its own, so that the driver's can listen and cancel.

    job = RankJob(sc, RankTask(ticket, task), ranks=2, description="train", ended=book.wake)
    job.start(); …; job.over, job.results, job.error; job.end()
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

SETTLE_SECONDS = 30.0
POOL = "LAKETRAIN_POOL"

_environment_lock = threading.Lock()


class RankJob:
    """One barrier stage of `ranks` tasks. Cancelling it kills the ranks, also those inside a C++ call.

    Args:
        task: what each partition runs; gives one text.
        description: for Spark's job list.
        ended: called, from the job's thread, when it is over.
    """

    def __init__(self, sc: Any, task: Callable[[Iterable[Any]], Iterable[str]], ranks: int, description: str,
                 ended: Callable[[], None]) -> None:
        from pyspark.util import InheritableThread

        self._sc, self._task, self._ranks, self._ended = sc, task, ranks, ended
        self._description = description
        self._group = f"laketrain-{uuid.uuid4()}"
        self._thread: threading.Thread = InheritableThread(target=self._run)
        self._thread.name, self._thread.daemon = "laketrain-job", True
        self.results: list[str] = []
        self.error: str | None = None

    @property
    def over(self) -> bool:
        """Whether Spark has ended the job. Then `error` is its message, or None and `results` are there."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Cancel the job if it runs, and return when no task of it does."""
        if self._thread.ident is None:
            return
        if not self.over:
            self._sc.cancelJobGroup(self._group)
            self._thread.join(SETTLE_SECONDS)
        if self.error is not None:
            self._settle()

    def _run(self) -> None:
        try:
            self._sc.setJobGroup(self._group, self._description)
            self.results = self._rdd().collect()
        except Exception as error:  # whatever Spark raises, the launch turns into an error of ours
            self.error = _message(error)
        finally:
            self._ended()

    def _rdd(self) -> Any:
        rdd = self._sc.parallelize(range(self._ranks), self._ranks).barrier().mapPartitions(self._task)
        # Spark keeps Python processes apart by their environment. With a variable of our own, ranks get processes that
        # no other stage has used: one that imported TensorFlow there would have its threads settled.
        with _environment_lock:
            self._sc.environment[POOL] = str(self._ranks)
            try:
                rdd._jrdd  # noqa: B018 (PySpark reads the environment when it makes the Java side)
            finally:
                self._sc.environment.pop(POOL, None)
        return rdd

    def _settle(self) -> None:
        """Wait until Spark has killed the tasks that still ran, so that none trains on behind our back."""
        end = time.monotonic() + SETTLE_SECONDS
        while self._active_tasks() and time.monotonic() < end:
            time.sleep(0.05)

    def _active_tasks(self) -> int:
        try:
            tracker = self._sc.statusTracker()
            jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(self._group)]
            stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
            return sum(stage.numActiveTasks for stage in stages if stage)
        except Exception:  # Spark has stopped: nothing of it runs
            return 0


def _message(error: Exception) -> str:
    """What Spark says, without Py4J's words around it."""
    java = getattr(error, "java_exception", None)
    if java is not None:
        try:
            return str(java.getMessage())
        except Exception:
            return str(error)
    return str(error) or type(error).__name__
