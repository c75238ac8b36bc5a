"""Python, packages, Horovod and the executors' Python are checked."""

from __future__ import annotations

import sys

import pytest
from tests.backends import needs_horovod

from laketrain.doctor import software


@pytest.mark.parametrize(("version", "ok"), [("14.0.2", True), ("26.0.1", True), ("27.0.0", False), ("14.0.1", False)])
def test_a_version_is_checked_against_its_rule(monkeypatch, version, ok):
    monkeypatch.setattr(software.importlib.metadata, "version", lambda name: version)
    check = software.package(next(rule for rule in software.RULES if "pyarrow" in rule.names))
    assert check.ok is ok
    if not ok:
        assert "laketrain is tested with pyarrow 14 to 26" in check.result
        assert check.fix == "pip install 'pyarrow>=14.0.2,<27'"


def test_a_missing_package_is_a_failed_check():
    check = software.package(software.Rule(("no-such-package",), "1", "2", "why"))
    assert (check.ok, check.result) == (False, "not installed")
    assert check.fix == "make setup, or pip install 'no-such-package>=1,<2'"


@needs_horovod
def test_a_horovod_built_for_another_tensorflow_is_shown_with_the_backend_that_is_used(monkeypatch):
    monkeypatch.setattr(software, "_horovod_metadata", lambda: {"tensorflow": "2.15.1"})
    check = software.horovod()
    assert check.ok is None
    assert "built for 2.15.1; installed: 2." in check.result
    assert "the backend 'tensorflow'" in check.result


def test_a_missing_horovod_is_shown_and_fails_nothing(monkeypatch):
    monkeypatch.setattr(software, "installed", lambda names: (names[0], ""))
    check = software.horovod()
    assert check.ok is None
    assert "not installed: ranks connect by the backend 'tensorflow'" in check.result


def test_two_ranks_connect_over_tcp():
    check = software.tcp_ranks()
    assert (check.ok, check.result) == (True, "two ranks connect over TCP")


def test_executors_use_this_interpreter_by_default(monkeypatch):
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert software.executors_python().ok is True
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    assert software.executors_python().ok is True


def test_another_python_version_of_executors_fails(monkeypatch, tmp_path):
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho '3.8 False'\n")
    other.chmod(0o755)
    monkeypatch.setenv("PYSPARK_PYTHON", str(other))
    check = software.executors_python()
    assert check.ok is False
    assert check.fix == f"export PYSPARK_PYTHON={sys.executable}"


def test_a_python_that_is_shipped_with_the_job_is_not_checked(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", "./environment/bin/python")
    assert software.executors_python().ok is None
