"""Finds the one error to raise from what ranks and Spark reported: which rank, where, why, and its last lines.

    raise failure_error(registry, "train", spark_message)  ->  RankError: [train] rank 1 of 2, epoch 1, step 40: …
"""

from __future__ import annotations

import re
import socket

from laketrain import errors
from laketrain.distributed.backend import Backend
from laketrain.distributed.launch.rank_states import RankRegistry, RankState
from laketrain.errors import LaketrainError, LaunchError, RankError

_TASK = re.compile(r"ResultTask\(\d+, (\d+)\)|[Tt]ask (\d+)(?:\.\d+)? in stage")
_EXECUTOR_LOST = re.compile(r"ExecutorLostFailure \(.*?\)(?: Reason: [^\n]*)?|Container killed by YARN[^\n]*"
                            r"|OutOfMemoryError[^\n]*")
_PYTHON_ERROR = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt))\b:? ?(.*)$", re.MULTILINE)
_DIED = "its process died: killed, out of memory, or crashed"
_MEMORY_HINT = ("look for the system's out-of-memory killer; give ranks more memory (spark.executor.memoryOverhead) "
                "or smaller batches")


def failure_error(registry: RankRegistry, name: str, spark_message: str) -> LaketrainError:
    """The error of a launch whose Spark job ended with `spark_message`."""
    state = registry.first_failure()
    rank = _rank_in(spark_message)
    if state is not None and state.failure and not state.failure.get("peer_failure"):
        return _reported_error(registry, state, name)
    if (state is None or state.failed_at is not None) and rank is not None and rank < len(registry.states):
        state = registry.states[rank]  # Spark knows of a rank that could not report its failure
    if state is None:
        return _launch_error(name, spark_message)
    cause, hint = _cause_in(spark_message, registry.backend)
    if state.failure and not cause:
        return _reported_error(registry, state, name)
    return RankError(name, _subject(registry, state), cause or _DIED, hint, rank=state.rank, log=_tail(state))


def hang_error(registry: RankRegistry, state: RankState, name: str, deadline: float) -> RankError:
    """The error of a rank that made no progress for `deadline` seconds."""
    location = f"; it is at {state.stack[0]}" if state.stack else ""
    seconds = state.timeout(deadline)
    if state.process is None:
        problem, hint = f"did not join the other ranks within {seconds:g} s", "look at the executor's log"
    elif not state.progress:
        problem = f"joined, but did not start its task within {seconds:g} s{location}"
        hint = "ranks connect to each other at any port: check the firewall between executors"
    else:
        problem = f"made no progress for {seconds:g} s{location}"
        hint = "if a step may take that long, raise the deadline; else find out what the rank waits for"
    stack = ["stack, innermost call first:", *(f"  {line}" for line in state.stack)] if state.stack else []
    return RankError(name, _subject(registry, state), problem, hint, rank=state.rank, log="\n".join(state.log + stack))


def _reported_error(registry: RankRegistry, state: RankState, name: str) -> LaketrainError:
    """The error that the rank reported: our own class if it was one, else a RankError."""
    failure, log = state.failure, _tail(state)
    rank_error = RankError(name, _subject(registry, state), _summary(failure), _hint(failure, registry.backend),
                           rank=state.rank, log=log)
    original = _rebuild(failure, state.rank, log)
    if original is None:
        return rank_error
    original.__cause__ = rank_error
    return original


def _rebuild(failure: dict[str, object], rank: int, log: str) -> LaketrainError | None:
    """The error as the rank raised it, if its type is a class of `laketrain.errors` with four text fields."""
    cls, fields = getattr(errors, str(failure.get("type")), None), failure.get("fields")
    if not (isinstance(cls, type) and issubclass(cls, LaketrainError) and isinstance(fields, list)):
        return None
    if len(fields) != 4 or cls is errors.ConfigError:
        return None
    texts = [str(field) for field in fields]
    return RankError(*texts, rank=rank, log=log) if cls is RankError else cls(*texts)


def _summary(failure: dict[str, object]) -> str:
    """`ValueError: no such batch`, in one line."""
    lines = [line.strip() for line in str(failure.get("message", "")).splitlines() if line.strip()]
    return f"{failure.get('type', 'Error')}: {' '.join(lines)[:400]}" if lines else str(failure.get("type", "Error"))


def _hint(failure: dict[str, object], backend: Backend) -> str:
    text = f"{failure.get('type')} {failure.get('message')}"
    if "No module named" in text:
        return "install it where the executors run: PYSPARK_PYTHON must be this environment's interpreter"
    if failure.get("type") == "DriverUnreachable":
        return "executors must reach the driver: check spark.driver.host, spark.driver.bindAddress and the firewall"
    return backend.hint(text)


def _tail(state: RankState) -> str:
    """The rank's last printed lines, then the last lines of its traceback, if it could send one."""
    trace = state.failure.get("trace", [])
    return "\n".join([*state.log, *(str(line) for line in trace)] if isinstance(trace, list) else state.log)


def _subject(registry: RankRegistry, state: RankState) -> str:
    """The rank, its host if that isn't the driver's, and its last epoch and step."""
    host = (state.host or "").partition("/")[0]
    on_host = f" on {host}" if host not in ("", socket.gethostname()) else ""
    return ", ".join(filter(None, [f"rank {state.rank} of {len(registry.states)}{on_host}", state.where]))


def _rank_in(spark_message: str) -> int | None:
    """The rank, which is the index of its task, that Spark's message names."""
    match = _TASK.search(spark_message)
    return int(match[1] or match[2]) if match else None


def _cause_in(spark_message: str, backend: Backend) -> tuple[str, str]:
    """Problem and hint for a rank that reported nothing: its executor was lost, or its Python failed early."""
    lost = _EXECUTOR_LOST.search(spark_message)
    if lost:
        return f"{_DIED} ({' '.join(lost[0].split())})", _MEMORY_HINT
    if "exited unexpectedly" in spark_message or "crashed" in spark_message:
        return _DIED, _MEMORY_HINT
    errors_raised = _PYTHON_ERROR.findall(spark_message.partition("Traceback (most recent call last)")[2])
    if errors_raised:
        kind, message = errors_raised[0]
        failure: dict[str, object] = {"type": kind.rpartition(".")[2], "message": message}
        return _summary(failure), _hint(failure, backend)
    return "", ""


def _launch_error(name: str, spark_message: str) -> LaunchError:
    reason = next((line.strip() for line in spark_message.splitlines() if line.strip()), "Spark gave no reason")
    return LaunchError(name, "the ranks' Spark job", f"was ended: {reason[:400]}")
