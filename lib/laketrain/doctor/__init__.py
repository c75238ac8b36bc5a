"""Whether a job can run here, and where it can't, the one line that mends it.

    checks = examine("hdfs://namenode/lake", ranks=4)
    show(checks)
    sys.exit(any(check.ok is False for check in checks))

Nothing heavy is imported: a missing or broken package is a finding, not a traceback. What can only be seen by
importing TensorFlow, or may hang on a network, is done to one side and given up after a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from laketrain.doctor import hdfs, machine, software
from laketrain.doctor.check import Check, first_line

__all__ = ["Check", "examine", "show"]


def examine(lake_url: str | None = None, ranks: int | None = None) -> list[Check]:
    """All findings, in the order in which to mend them.

    Args:
        lake_url: the lake to reach and write to; left out where None.
        ranks: how many processes a training would have on this machine.
    """
    wanted = ranks or 1
    parts: list[tuple[str, Callable[[], Check]]] = [("python", software.python), ("java", software.java)]
    parts += [(rule.names[0], partial(software.package, rule)) for rule in software.RULES]
    parts += [("horovod", software.horovod), ("executors' python", software.executors_python)]
    parts += [("cores", partial(machine.cores, wanted)), ("memory", partial(machine.memory, wanted))]
    parts.append(("gpu", machine.gpu))
    if lake_url:
        parts.append(("lake", partial(machine.lake, lake_url)))
        if lake_url.startswith(("hdfs://", "viewfs://")):
            parts.append(("lake, from Java", partial(hdfs.from_java, lake_url)))
    return [_guarded(name, part) for name, part in parts]


def show(checks: Iterable[Check]) -> None:
    """Prints the findings as a table, each failure with its mend below it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {True: ("ok", "green"), False: ("fails", "red"), None: ("look", "yellow")}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        found = Text(check.found)
        if check.mend:
            found.append(f"\n→ {check.mend}", style="bold")
        table.add_row(Text(marks[check.ok][0], style=marks[check.ok][1]), check.name, found)
    Console().print(table)


def _guarded(name: str, part: Callable[[], Check]) -> Check:
    try:
        return part()
    except Exception as error:
        return Check(name, False, f"could not be examined: {first_line(error)}", "mend the installation: make setup")
