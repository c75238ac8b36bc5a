"""The doctor tells what can't run here and the line that mends it, whatever is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laketrain.doctor import Check, examine, machine, show, software
from laketrain.doctor.check import aside, within


def findings(**keys) -> dict[str, Check]:
    return {check.name: check for check in examine(**keys)}


def test_this_environment_is_fit_for_a_job(tmp_path):
    found = findings(lake_url=str(tmp_path), ranks=1)
    assert {name: check.found for name, check in found.items() if check.ok is False} == {}
    assert "with Gloo" in found["horovod"].found
    assert list(tmp_path.iterdir()) == [], "the doctor leaves nothing in the lake"


@pytest.mark.parametrize(("version", "ok"), [("14.0.2", True), ("15.0.0", False), ("14.0.1", False), ("26.1", False)])
def test_a_version_is_held_against_its_rule(monkeypatch, version, ok):
    monkeypatch.setattr(software.importlib.metadata, "version", lambda name: version)
    check = software.package(next(rule for rule in software.RULES if "pyarrow" in rule.names))
    assert check.ok is ok
    if not ok:
        assert "Petastorm's reader needs pyarrow < 15" in check.found
        assert check.mend == "pip install 'pyarrow>=14.0.2,<15'"


def test_a_missing_package_is_a_finding():
    check = software.package(software.Rule(("no-such-package",), "1", "2", "why"))
    assert (check.ok, check.found) == (False, "not installed")
    assert check.mend == "make setup, or pip install 'no-such-package>=1,<2'"


def test_it_works_where_nothing_is_installed():
    """A bare interpreter with our folder and no site-packages."""
    program = "from laketrain.doctor import examine; print(*[c.name for c in examine('/tmp', 1) if c.ok is False])"
    run = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False,
                         env={**os.environ, "PYTHONPATH": str(Path(software.__file__).parents[2])})
    assert run.returncode == 0, run.stderr
    assert {"tensorflow", "pyspark", "horovod", "lake"} <= set(run.stdout.split())


def test_a_horovod_built_for_another_tensorflow_is_told(monkeypatch):
    monkeypatch.setattr(software, "_horovod_metadata", lambda: {"tensorflow": "2.15.1"})
    check = software.horovod()
    assert check.ok is False
    assert "built for 2.15.1; installed: 2." in check.found


def test_executors_run_this_interpreter_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert software.executors_python().ok is True
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    assert software.executors_python().ok is True


def test_an_executors_python_that_is_not_ours_is_told(monkeypatch, tmp_path):
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho '3.8 False'\n")
    other.chmod(0o755)
    monkeypatch.setenv("PYSPARK_PYTHON", str(other))
    check = software.executors_python()
    assert check.ok is False
    assert check.mend == f"export PYSPARK_PYTHON={sys.executable}"


def test_an_executors_python_shipped_with_the_job_can_only_be_seen_there(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", "./environment/bin/python")
    assert software.executors_python().ok is None


def test_more_ranks_than_cores_is_worth_a_look():
    check = machine.cores(100_000)
    assert check.ok is None
    assert "for 100000 ranks" in check.found


def test_a_lake_that_is_not_there_yet_is_not_made(tmp_path):
    check = machine.lake(str(tmp_path / "new" / "lake"))
    assert check.ok is True
    assert "can be made" in check.found
    assert not (tmp_path / "new").exists()


def test_a_lake_that_is_a_file_fails(tmp_path):
    (tmp_path / "lake").write_text("not a folder")
    check = findings(lake_url=str(tmp_path / "lake"))["lake"]
    assert check.ok is False
    assert check.mend


def test_an_unknown_kind_of_lake_fails_without_showing_its_password():
    check = findings(lake_url="gopher://me:secret@host/lake")["lake"]
    assert check.ok is False
    assert "secret" not in check.found + check.mend


def test_work_that_hangs_is_given_up():
    import threading

    release = threading.Event()
    try:
        assert within(0.05, release.wait) == "no answer within 0 s"
    finally:
        release.set()


def test_a_program_that_hangs_is_given_up():
    assert aside([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) == (1, "no answer within 0 s")


def test_the_table_shows_each_failure_with_its_mend(capsys):
    show([Check("java", False, "[none]", "apt-get install it"), Check("cores", True, "2")])
    lines = capsys.readouterr().out.splitlines()
    assert any("fails" in line and "[none]" in line for line in lines), "what was found is shown as it is, brackets too"
    assert any("→ apt-get install it" in line for line in lines)
