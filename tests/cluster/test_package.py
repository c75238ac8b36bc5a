"""`laketrain package` makes what YARN needs: the command that it prints runs the workload where only the packed Python,
code and config are."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from .packaged import PackagedJob
from .walk import Walk

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]


def test_the_printed_command_runs_on_yarn_with_what_was_packed_alone(walked: Walk, packaged: PackagedJob) -> None:
    assert packaged.walk.left == walked.left
    assert packaged.prefix.name == "environment"
    assert not packaged.prefix.is_relative_to(Path(sys.prefix))
    assert re.search(r"/code\.zip/laketrain/__init__\.py$", packaged.laketrain)
    assert packaged.keras.is_relative_to(packaged.prefix)
