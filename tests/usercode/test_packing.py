"""A user's functions are sent to another process by value, with their module and its source."""

from __future__ import annotations

import importlib
import linecache
import sys
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import DataError
from laketrain.usercode.packing import pack, source_checksum, unpack

CODE = """\
import threading

FACTOR = 3
LOCK = threading.Lock()

def triple(number):
    return FACTOR * number

def locked(number):
    with LOCK:
        return number
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "to_be_packed.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("to_be_packed")
    sys.modules.pop("to_be_packed", None)


def test_a_packed_function_runs_where_its_module_does_not_exist(module: Any) -> None:
    code = pack({"to_be_packed:triple": module.triple}, "train")
    sys.modules.pop("to_be_packed")
    Path(module.__file__).unlink()
    linecache.clearcache()
    [(name, triple)] = unpack(code, "train").items()
    assert (name, triple(2)) == ("to_be_packed:triple", 6)
    assert linecache.getline(module.__file__, 6) == "def triple(number):\n"


def test_a_function_that_cannot_be_pickled_is_refused_with_the_reason(module: Any) -> None:
    with pytest.raises(DataError, match=r"mine:locked: can't be sent to executors \(TypeError: .*lock.*inside the fun"):
        pack({"mine:locked": module.locked}, "train")


def test_bytes_that_cannot_be_loaded_are_reported_with_the_environment() -> None:
    with pytest.raises(DataError, match=r"can't be loaded by a rank .*installed where executors run"):
        unpack(b"broken", "train")


def test_without_functions_nothing_is_packed() -> None:
    assert pack({}, "train") == b""
    assert unpack(b"", "train") == {}


def test_another_source_of_the_module_has_another_checksum(module: Any) -> None:
    before = source_checksum(module.triple)
    assert source_checksum(module.locked) == before
    Path(module.__file__).write_text(CODE.replace("FACTOR = 3", "FACTOR = 4"))
    linecache.clearcache()
    assert source_checksum(importlib.reload(module).triple) != before
