"""The command line: which benchmarks to run, with how many rows and rounds."""

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
    options = _parser().parse_args(arguments)
    _fix_cores(options.cores)
    results = [_measure(name, options) for name in ([options.name] if options.name else NAMES)]
    print(last_line(results, options.name), flush=True)


def last_line(results: Sequence[Result], name: str | None) -> str:
    """A JSON object: the ratios of the benchmark `name`, or of all by benchmark."""
    ratios = {result.name: result.ratios for result in results}
    return json.dumps(ratios[name] if name else ratios)


def _measure(name: str, arguments: argparse.Namespace) -> Result:
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="laketrain-bench-") as folder, progress.status(name) as status:
        options = Options(folder=Path(folder), pairs=arguments.pairs, cores=arguments.cores, rows=arguments.rows,
                          report=lambda text: status.update(f"{name}: {text}"))
        result: Result = importlib.import_module(f"benchmarks.{name}").measure(options)
    console = Console()
    # A pipe has no width, so the table has that of a page.
    console.print(result.table(), width=None if console.is_terminal else 120)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description="Measure laketrain against its bars.")
    parser.add_argument("name", nargs="?", metavar="NAME", choices=(*NAMES, *ON_REQUEST),
                        help=f"one of {', '.join(NAMES)}, which are all measured if none is named; "
                             f"or, only by name, {', '.join(ON_REQUEST)}")
    parser.add_argument("--rows", type=_positive,
                        help="rows of the data, at 1× where they grow (launch has none); by default the benchmark's")
    parser.add_argument("--pairs", type=_positive, default=3, help="measured rounds of all sides in turn (3)")
    parser.add_argument("--cores", type=_positive, default=2, help="cores that all sides share (2)")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")
    return int(text)


def _fix_cores(cores: int) -> None:
    """Sets the cores and threads of this process and of all that it starts, also Java and Spark."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        if cores > len(usable):
            sys.exit(f"--cores {cores}: this machine has {len(usable)}")
        os.sched_setaffinity(0, usable[:cores])
    os.environ |= {
        "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        # Spark's and Horovod's workers find this package in any working directory.
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        "TF_NUM_INTRAOP_THREADS": str(cores), "TF_NUM_INTEROP_THREADS": str(cores), "OMP_NUM_THREADS": str(cores),
        "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore",
    }


if __name__ == "__main__":
    main()
