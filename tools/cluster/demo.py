"""`make cluster-demo`: runs `make demo` by spark-submit on YARN, in both deploy modes, with a lake on HDFS; and
whether it came to the same model and predictions as here.

    walk(state)        # state: what `make cluster-up` noted
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from cluster.submit import Installation, submission
from laketrain.config.sources import FileSource
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import ModelManifest
from laketrain.workload import Workload

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "conf" / "mnist.yaml"
MODES = ("client", "cluster")
Row = tuple[int, float]
"""Class and probability."""


def walk(state: dict[str, Any]) -> int:
    """Runs it in both modes; prints the seconds, the ranks' nodes and the differences. Returns the exit code."""
    if " " in str(ROOT):
        raise SystemExit(f"Spark's and YARN's scripts split paths at spaces: not from {ROOT}, clone to another folder")
    here = Lake(ROOT / "build" / "lake")
    table = Table("deploy mode", "seconds", "ranks' containers", "weights", "predictions",
                  title=f"{CONFIG.name} on YARN")
    alike = True
    for mode in MODES:
        there = Lake(f"{state['hdfs']}/demo-{time.time_ns()}")
        print(f"{mode}: {there.url}", flush=True)
        began = time.monotonic()
        if (code := _submit(state, mode, there)) != 0:
            return code
        seconds = time.monotonic() - began
        same_model, differing = _compared(here, there)
        alike = alike and same_model and not differing
        table.add_row(mode, f"{seconds:.0f}", str(len(set(_containers(there)))), "equal" if same_model else "differ",
                      f"{differing} differ" if differing else "equal, row by row")
    Console().print(table)
    return 0 if alike else 1


def _submit(state: dict[str, Any], mode: str, lake: Lake) -> int:
    words, environ = submission(Path(state["conf"]), Installation.here(), mode, CONFIG, "--lake", lake.url, *_sources())
    log = ROOT / "build" / "cluster" / "logs" / f"demo-{mode}.log"
    with log.open("wb") as output:
        code = subprocess.run(words, env=environ, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        print(f"it ended with {code}; see {log}", file=sys.stderr)
    return code


def _sources() -> Iterator[str]:
    """The landing zone by absolute paths, since a container has the config in another folder."""
    for name, source in Workload.load(CONFIG).sources.items():
        if isinstance(source, FileSource):
            yield from ("--set", f"sources.{name}.path={source.path}")


def _compared(here: Lake, there: Lake) -> tuple[bool, int]:
    """Whether the weights are equal bit for bit; how many rows have another class, or a probability that differs by
    more than rounding."""
    models = [ModelManifest.of(_latest(lake, "models", "mnist")).weights for lake in (here, there)]
    one, other = (_predictions(_latest(lake, "predictions", "unlabelled")) for lake in (here, there))
    return models[0] == models[1], sum(not _close(one.get(key), other.get(key)) for key in one.keys() | other.keys())


def _close(row: Row | None, other: Row | None) -> bool:
    return row is not None and other is not None and row[0] == other[0] and abs(row[1] - other[1]) < 1e-6


def _predictions(version: Version) -> dict[str, Row]:
    store = version.lake.store
    table = pa.concat_tables(pq.read_table(store.open(version.path(file.path))) for file in version.entry.files)
    return {row["digit_id"]: (row["class"], row["probability"]) for row in table.to_pylist()}


def _containers(lake: Lake) -> list[str]:
    return [rank["where"] for rank in ModelManifest.of(_latest(lake, "models", "mnist")).ranks]


def _latest(lake: Lake, zone: str, name: str) -> Version:
    version = lake.table(zone, name).latest()
    if version is None:
        raise SystemExit(f"{lake.url} has no {zone}/{name}: make demo")
    return version
