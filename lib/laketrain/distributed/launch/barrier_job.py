"""The Spark job that runs the ranks, in a thread of its own, so that the driver's thread can supervise and cancel it.

    job = BarrierJob(sc, RankTask(spec, task), ranks=2, description="train", on_end=registry.wake)
    job.start(); …; job.has_ended, job.results, job.error; job.end()
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

CANCEL_SECONDS = 30.0
POOL = "LAKETRAIN_POOL"

_environment_lock = threading.Lock()


class BarrierJob:
    """One barrier stage of `ranks` tasks. Cancelling it kills the ranks, even inside a C++ call.

    Args:
        task: what each partition runs; yields one text.
        description: for Spark's job list.
        on_end: called from the job's thread when the job has ended.
    """

    def __init__(self, sc: Any, task: Callable[[Iterable[Any]], Iterable[str]], ranks: int, description: str,
                 on_end: Callable[[], None]) -> None:
        from pyspark.util import InheritableThread

        self._sc, self._task, self._ranks, self._on_end = sc, task, ranks, on_end
        self._description = description
        self._group = f"laketrain-{uuid.uuid4()}"
        self._thread: threading.Thread = InheritableThread(target=self._run)
        self._thread.name, self._thread.daemon = "laketrain-barrier-job", True
        self.results: list[str] = []
        self.error: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether Spark has ended the job. Then `error` is its message, or None and `results` are complete."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Cancel the job if it runs, and return when all its tasks have ended."""
        if self._thread.ident is None:
            return
        if not self.has_ended:
            self._sc.cancelJobGroup(self._group)
            self._thread.join(CANCEL_SECONDS)
        if self.error is not None:
            self._wait_for_tasks()

    def _run(self) -> None:
        try:
            self._sc.setJobGroup(self._group, self._description)
            self.results = self._rdd().collect()
        except Exception as error:  # the launch turns any error of Spark's into one of ours
            self.error = _message(error)
        finally:
            self._on_end()

    def _rdd(self) -> Any:
        rdd = self._sc.parallelize(range(self._ranks), self._ranks).barrier().mapPartitions(self._task)
        # Spark reuses Python processes that have the same environment. This variable gives ranks processes that no
        # other stage has used: after another stage imported TensorFlow, its threads could not be set any more.
        with _environment_lock:
            self._sc.environment[POOL] = str(self._ranks)
            try:
                rdd._jrdd  # noqa: B018 (PySpark reads the environment when it makes the Java side)
            finally:
                self._sc.environment.pop(POOL, None)
        return rdd

    def _wait_for_tasks(self) -> None:
        """Wait until Spark has killed the tasks that still ran, so that none trains on unnoticed."""
        end = time.monotonic() + CANCEL_SECONDS
        while self._active_tasks() and time.monotonic() < end:
            time.sleep(0.05)

    def _active_tasks(self) -> int:
        try:
            tracker = self._sc.statusTracker()
            jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(self._group)]
            stages = [tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds]
            return sum(stage.numActiveTasks for stage in stages if stage)
        except Exception:  # Spark has stopped, and its tasks with it
            return 0


def _message(error: Exception) -> str:
    """Spark's own message, without Py4J's text around it."""
    java = getattr(error, "java_exception", None)
    if java is not None:
        try:
            return str(java.getMessage())
        except Exception:
            return str(error)
    return str(error) or type(error).__name__
