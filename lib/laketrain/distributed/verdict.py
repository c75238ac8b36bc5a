"""From what ranks and Spark said to the one error that the driver raises: which rank, where, why, its last lines.

    raise failed(book, "train", spark_says)  ->  RankError: [train] rank 1 of 2, epoch 1, step 40: ValueError: …
"""

from __future__ import annotations

import re
import socket

from laketrain import errors
from laketrain.distributed.book import RankBook, RankPage
from laketrain.errors import LaketrainError, LaunchError, RankError

_TASK = re.compile(r"ResultTask\(\d+, (\d+)\)|[Tt]ask (\d+)(?:\.\d+)? in stage")
_LOST = re.compile(r"ExecutorLostFailure \(.*?\)(?: Reason: [^\n]*)?|Container killed by YARN[^\n]*"
                   r"|OutOfMemoryError[^\n]*")
_PYTHON = re.compile(r"^((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt))\b:? ?(.*)$", re.MULTILINE)
_DIED = "its process ended without a word: killed, out of memory, or crashed"
_MEMORY = ("look for the system's out-of-memory killer; give ranks more memory (spark.executor.memoryOverhead) "
           "or smaller batches")


def failed(book: RankBook, name: str, spark_says: str) -> LaketrainError:
    """The error of a launch that Spark ended, whose job's message is `spark_says`."""
    page = book.first_failure()
    named = _task_in(spark_says)
    if page is not None and page.failure and not page.failure.get("collateral"):
        return _raised(book, page, name)
    if (page is None or page.failed is not None) and named is not None and named < len(book.pages):
        page = book.pages[named]  # Spark knows of a rank that could tell nothing itself
    if page is None:
        return _of_launch(name, spark_says)
    cause, hint = _spark_cause(spark_says)
    if page.failure and not cause:
        return _raised(book, page, name)
    return RankError(name, _subject(book, page), cause or _DIED, hint, rank=page.rank, log=_tail(page))


def hung(book: RankBook, page: RankPage, name: str, deadline: float) -> RankError:
    """The error of a rank that made no progress for `deadline` seconds."""
    stands = f"; it stands at {page.stack[0]}" if page.stack else ""
    seconds = page.patience(deadline)
    if page.process is None:
        problem, hint = f"did not join the others within {seconds:g} s", "look at the executor's log"
    elif not page.progress:
        problem = f"joined, but did not begin its task within {seconds:g} s{stands}"
        hint = "ranks connect to each other, at any port: see the firewall between executors"
    else:
        problem = f"made no progress for {seconds:g} s{stands}"
        hint = "if a step may take that long, raise the deadline; else see what the rank waits for"
    trace = [f"  {line}" for line in page.stack]
    log = "\n".join([*page.log, *(["where it stands, innermost call first:", *trace] if trace else [])])
    return RankError(name, _subject(book, page), problem, hint, rank=page.rank, log=log)


def _raised(book: RankBook, page: RankPage, name: str) -> LaketrainError:
    failure = page.failure
    log = _tail(page)
    rank_error = RankError(name, _subject(book, page), _one_line(failure), _hint(failure), rank=page.rank, log=log)
    ours = _rebuilt(failure, page.rank, log)
    if ours is None:
        return rank_error
    ours.__cause__ = rank_error
    return ours


def _rebuilt(failure: dict[str, object], rank: int, log: str) -> LaketrainError | None:
    """One of our own errors as the rank raised it: a class of `laketrain.errors`, with text for fields."""
    kind, fields = getattr(errors, str(failure.get("type")), None), failure.get("fields")
    if not (isinstance(kind, type) and issubclass(kind, LaketrainError) and isinstance(fields, list)):
        return None
    if len(fields) != 4 or kind is errors.ConfigError:
        return None
    texts = [str(field) for field in fields]
    return RankError(*texts, rank=rank, log=log) if kind is RankError else kind(*texts)


def _one_line(failure: dict[str, object]) -> str:
    lines = [line.strip() for line in str(failure.get("message", "")).splitlines() if line.strip()]
    return f"{failure.get('type', 'Error')}: {' '.join(lines)[:400]}" if lines else str(failure.get("type", "Error"))


def _hint(failure: dict[str, object]) -> str:
    text = f"{failure.get('type')} {failure.get('message')}"
    if "No module named" in text:
        return "install it where the executors run: PYSPARK_PYTHON must be this environment's interpreter"
    if failure.get("type") == "Unreachable":
        return "executors must reach the driver: see spark.driver.host, spark.driver.bindAddress and the firewall"
    if "unsupported operations" in text and "Horovod" in text:
        return "XLA can't compile a train step that averages gradients: compile the model with jit_compile=False"
    return ""


def _tail(page: RankPage) -> str:
    """The rank's last printed lines, then the last lines of its trace, if it could send one."""
    trace = page.failure.get("trace", [])
    return "\n".join([*page.log, *(str(line) for line in trace)] if isinstance(trace, list) else page.log)


def _subject(book: RankBook, page: RankPage) -> str:
    """Which rank, where it runs if that isn't the driver's own host, and how far it came."""
    host = (page.host or "").partition("/")[0]
    on = f" on {host}" if host not in ("", socket.gethostname()) else ""
    return ", ".join(filter(None, [f"rank {page.rank} of {len(book.pages)}{on}", page.where]))


def _task_in(spark_says: str) -> int | None:
    match = _TASK.search(spark_says)
    return int(match[1] or match[2]) if match else None


def _spark_cause(spark_says: str) -> tuple[str, str]:
    """What Spark knows of a rank that said nothing: the loss of its executor, or an error before it could speak."""
    lost = _LOST.search(spark_says)
    if lost:
        return f"{_DIED} ({' '.join(lost[0].split())})", _MEMORY
    if "exited unexpectedly" in spark_says or "crashed" in spark_says:
        return _DIED, _MEMORY
    raised = _PYTHON.findall(spark_says.partition("Traceback (most recent call last)")[2])
    if raised:
        kind, message = raised[0]
        failure: dict[str, object] = {"type": kind.rpartition(".")[2], "message": message}
        return _one_line(failure), _hint(failure)
    return "", ""


def _of_launch(name: str, spark_says: str) -> LaunchError:
    reason = next((line.strip() for line in spark_says.splitlines() if line.strip()), "Spark gave no reason")
    return LaunchError(name, "the ranks' Spark job", f"was ended: {reason[:400]}")
