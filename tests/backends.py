"""The backends of ranks, as parameters of tests; those of Horovod are skipped where it isn't installed."""

from __future__ import annotations

import pytest

from laketrain.distributed.horovod import is_built_for_this_tensorflow

needs_horovod = pytest.mark.skipif(not is_built_for_this_tensorflow(), reason="Horovod isn't installed")
HOROVOD = pytest.param("horovod", marks=needs_horovod)
EACH_BACKEND = [HOROVOD, "tensorflow"]
