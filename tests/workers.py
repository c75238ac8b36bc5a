"""Where the Python workers of the tests' Spark sessions import from: laketrain, and ranks/sitecustomize.py."""

from __future__ import annotations

import os
from pathlib import Path

LIB = Path(__file__).resolve().parents[1] / "lib"
WORKERS_PATH = os.pathsep.join([str(LIB), str(Path(__file__).with_name("ranks"))])
