"""Checks neither hang nor raise."""

from __future__ import annotations

import sys
import threading

from laketrain.doctor.check import run_process, run_with_timeout


def test_work_that_hangs_times_out():
    release = threading.Event()
    try:
        assert run_with_timeout(0.05, release.wait) == "no answer within 0 s"
    finally:
        release.set()


def test_a_program_that_hangs_times_out():
    assert run_process([sys.executable, "-c", "import time; time.sleep(60)"], 0.2) == (1, "no answer within 0 s")
