"""The command line: which benchmarks to run, on how much, how often."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import NAMES, ON_REQUEST
from benchmarks.options import Options
from benchmarks.result import Result

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    _settle(given.cores)
    results = [_measure(name, given) for name in ([given.name] if given.name else NAMES)]
    print(last_line(results, given.name), flush=True)


def last_line(results: Sequence[Result], name: str | None) -> str:
    """A JSON object: the ratios of the one that was asked for, or of all by benchmark."""
    ratios = {result.name: result.ratios for result in results}
    return json.dumps(ratios[name] if name else ratios)


def _measure(name: str, given: argparse.Namespace) -> Result:
    said = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="laketrain-bench-") as folder, said.status(name) as status:
        options = Options(folder=Path(folder), pairs=given.pairs, cores=given.cores, rows=given.rows,
                          tell=lambda text: status.update(f"{name}: {text}"))
        result: Result = importlib.import_module(f"benchmarks.{name}").measure(options)
    console = Console()
    # A pipe has no width: the table is made for a page then.
    console.print(result.table(), width=None if console.is_terminal else 120)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure laketrain against its bars.")
    parser.add_argument("name", nargs="?", metavar="NAME", choices=(*NAMES, *ON_REQUEST),
                        help=f"one of {', '.join(NAMES)}, which are all measured where none is named; "
                             f"or, only by name, {', '.join(ON_REQUEST)}")
    parser.add_argument("--rows", type=_positive,
                        help="rows of the data, at 1× where they grow (launch has none); by default each one's own")
    parser.add_argument("--pairs", type=_positive, default=3, help="measured rounds of all sides in turn (3)")
    parser.add_argument("--cores", type=_positive, default=2, help="that all sides share (2)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")
    return int(text)


def _settle(cores: int) -> None:
    """The same cores and the same threads for every process that is started from here, Java's and Spark's too."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        if cores > len(usable):
            sys.exit(f"--cores {cores}: this machine has {len(usable)} to give")
        os.sched_setaffinity(0, usable[:cores])
    os.environ |= {
        "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        # Spark's and Horovod's workers find this package, wherever the benchmarks are started.
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "TF_NUM_INTRAOP_THREADS": str(cores), "TF_NUM_INTEROP_THREADS": str(cores), "OMP_NUM_THREADS": str(cores),
        "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore",
    }


if __name__ == "__main__":
    main()
