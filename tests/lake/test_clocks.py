"""Writers whose clocks are days apart: versions are in the order of their commits, a lease belongs to a living process,
and the collector's own clock isn't used. The other clocks are real, for their whole processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from laketrain.lake import Lake, lease

from .writers import add, parquet

DAY_S = 86_400
SOURCE = Path(__file__).with_name("clock.c")
HERE = Path(__file__).parents[2]
COMMIT = """
from tests.lake.writers import commit
from laketrain.lake import Lake
print(commit(Lake(sys.argv[2]).table("clean", "pixels")))
"""
COLLECT = """
import json
from datetime import timedelta
from laketrain.lake import Lake, collect
print(json.dumps(collect(Lake(sys.argv[2]), timedelta(days=7)).data))
"""
HOLD = """
import time
from laketrain.lake import Lake, lease
with lease(Lake(sys.argv[2]), "features/mnist", "key", patience=2):
    print("held", flush=True)
    time.sleep(5)
    print("done", flush=True)
"""
Shifted = Callable[[int, str], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no C compiler, or no Linux, to shift a process's clock with")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"], check=True)
    return library


@pytest.fixture
def shifted(clock: Path, url: str) -> Shifted:
    """A Python program over the lake, in a process whose clock is shifted by so many days."""

    def start(days: int, program: str) -> subprocess.Popen[str]:
        text = f"import sys; sys.path.insert(0, sys.argv[1])\n{program}"
        environ = {**os.environ, "LD_PRELOAD": str(clock), "LAKETRAIN_CLOCK_S": str(days * DAY_S)}
        return subprocess.Popen([sys.executable, "-c", text, str(HERE), url], stdout=subprocess.PIPE, text=True,
                                env=environ)

    return start


def last_line(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate()
    assert process.returncode == 0
    return out.strip()


@pytest.mark.parametrize("url", ["local", pytest.param("hdfs", marks=pytest.mark.cluster)], indirect=True)
def test_versions_are_in_the_order_of_their_commits_with_any_clocks(lake: Lake, shifted: Shifted) -> None:
    assert [last_line(shifted(days, COMMIT)) for days in (40, -40, 0)] == ["1", "2", "3"]
    table = lake.table("clean", "pixels")
    latest = table.latest()
    assert latest is not None and latest.number == 3
    ages = [(datetime.now(timezone.utc) - table.get(number).created).total_seconds() / DAY_S for number in (1, 2, 3)]
    assert [round(age) for age in ages] == [-40, 40, 0]


@pytest.mark.parametrize("url", ["local", pytest.param("hdfs", marks=pytest.mark.cluster)], indirect=True)
def test_a_collector_whose_clock_is_ahead_removes_nothing_of_a_running_job(lake: Lake, shifted: Shifted) -> None:
    draft = lake.table("clean", "pixels").stage()
    add(draft, "part.parquet", parquet(3))
    assert json.loads(last_line(shifted(30, COLLECT))) == []
    assert draft.commit().exists()


@pytest.mark.parametrize("url", ["local"], indirect=True)
def test_a_collector_whose_clock_is_behind_removes_old_data(lake: Lake, shifted: Shifted) -> None:
    draft = lake.table("clean", "pixels").stage()
    add(draft, "part.parquet", parquet(3))
    for path in Path(lake.url).rglob("*"):
        os.utime(path, (time.time() - 20 * DAY_S,) * 2)
    old = draft.unique.replace(draft.unique[:15], "20200101T000000")
    root = Path(lake.url, "clean", "pixels")
    (root / "data" / draft.unique).rename(root / "data" / old)
    (root / "_drafts" / f"{draft.unique}.open").rename(root / "_drafts" / f"{old}.open")
    assert json.loads(last_line(shifted(-30, COLLECT))) == [f"clean/pixels/data/{old}"]


@pytest.mark.parametrize("url", ["local"], indirect=True)
def test_a_living_holder_with_a_wrong_clock_is_waited_for(lake: Lake, shifted: Shifted) -> None:
    for days in (40, -40):
        holder = shifted(days, HOLD)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with lease(lake, "features/mnist", "key", patience=2):
            assert holder.stdout.readline() == "done\n"
        holder.wait()
