"""The doctor lists what prevents a job from running here, with a fix for each failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from laketrain.doctor import Check, run_checks, show, software


def results(**keys) -> dict[str, Check]:
    return {check.name: check for check in run_checks(**keys)}


def test_this_environment_passes(tmp_path):
    checks = results(lake_url=str(tmp_path), ranks=1)
    assert {name: check.result for name, check in checks.items() if check.ok is False} == {}
    assert "with Gloo" in checks["horovod"].result or "backend 'tensorflow'" in checks["horovod"].result
    assert checks["ranks over TCP"].ok
    assert list(tmp_path.iterdir()) == [], "the check leaves nothing in the lake"


def test_it_runs_without_any_installed_package():
    """A bare interpreter with laketrain's folder and no site-packages."""
    program = ("from laketrain.doctor import run_checks; "
               "print(*[check.name for check in run_checks('/tmp', 1) if check.ok is False])")
    run = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(Path(software.__file__).parents[2])})
    assert run.returncode == 0, run.stderr
    assert {"tensorflow", "pyspark", "lake"} <= set(run.stdout.split())


def test_a_lake_that_is_a_file_fails(tmp_path):
    (tmp_path / "lake").write_text("not a folder")
    check = results(lake_url=str(tmp_path / "lake"))["lake"]
    assert check.ok is False
    assert check.fix


def test_an_unknown_kind_of_lake_fails_without_showing_its_password():
    check = results(lake_url="gopher://me:secret@host/lake")["lake"]
    assert check.ok is False
    assert "secret" not in check.result + check.fix


def test_the_table_shows_each_failure_with_its_fix(capsys):
    show([Check("java", False, "[none]", "apt-get install it"), Check("cores", True, "2")])
    lines = capsys.readouterr().out.splitlines()
    assert any("fails" in line and "[none]" in line for line in lines), "brackets aren't markup"
    assert any("→ apt-get install it" in line for line in lines)
