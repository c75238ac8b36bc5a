"""Checks whether a job can run here, with a fix for each failure.

    checks = run_checks("hdfs://namenode/lake", ranks=4)
    show(checks)
    sys.exit(any(check.ok is False for check in checks))

Nothing heavy is imported, so a missing or broken package is a failed check and not a traceback. What imports TensorFlow
or may hang on a network runs in a process or thread of its own, with a timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from laketrain.doctor import hdfs, machine, software
from laketrain.doctor.check import Check, first_line

__all__ = ["Check", "run_checks", "show"]


def run_checks(lake_url: str | None = None, ranks: int | None = None) -> list[Check]:
    """All checks, in the order in which to fix them.

    Args:
        lake_url: the lake to connect and write to; None to skip it.
        ranks: how many processes a training would have on this machine.
    """
    parts: list[tuple[str, Callable[[], Check]]] = [("python", software.python), ("java", software.java)]
    parts += [(rule.names[0], partial(software.package, rule)) for rule in software.RULES]
    parts += [("horovod", software.horovod), (software.TCP, software.tcp_ranks),
              ("executors' python", software.executors_python)]
    parts += [("cores", partial(machine.cores, ranks or 1)), ("memory", partial(machine.memory, ranks or 1))]
    parts.append(("gpu", machine.gpu))
    if lake_url:
        parts.append(("lake", partial(machine.lake, lake_url)))
        if lake_url.startswith(("hdfs://", "viewfs://")):
            parts.append(("lake, from Java", partial(hdfs.from_java, lake_url)))
    return [_guarded(name, part) for name, part in parts]


def show(checks: Iterable[Check]) -> None:
    """Prints the checks as a table, each failure with its fix below it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {True: ("ok", "green"), False: ("fails", "red"), None: ("look", "yellow")}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "result"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        result = Text(check.result)
        if check.fix:
            result.append(f"\n→ {check.fix}", style="bold")
        table.add_row(Text(marks[check.ok][0], style=marks[check.ok][1]), check.name, result)
    Console().print(table)


def _guarded(name: str, part: Callable[[], Check]) -> Check:
    try:
        return part()
    except Exception as error:
        return Check(name, False, f"could not be checked: {first_line(error)}", "repair the installation: make setup")
