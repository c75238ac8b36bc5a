"""A user's functions are looked up without running their modules, wherever Python can import them from."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from laketrain.errors import Problem
from laketrain.usercode.lookup import call_problem, module_source

CODE = """\
import os.path as paths

if True:
    def double(frame):
        return frame

halve = double
raise RuntimeError("was run")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On Python's path: the module `looked_up`, and a package with another of the same text."""
    (tmp_path / "looked_up.py").write_text(CODE)
    (tmp_path / "packed_up" / "inner").mkdir(parents=True)
    (tmp_path / "packed_up" / "__init__.py").write_text("raise RuntimeError('was run')\n")
    (tmp_path / "packed_up" / "inner" / "module.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("call", "message", "hint"), [
    ("looked_up:double", None, None),
    ("looked_up:halve", None, None),
    ("looked_up:paths", None, None),
    ("looked_up:dubble", "module 'looked_up' has no function 'dubble'", "Did you mean 'double'?"),
    ("looked_upp:double", "Python finds no module 'looked_upp'", "put its folder on PYTHONPATH"),
    ("looked_up.sub:double", "Python finds no module 'looked_up.sub'", "Install it"),
    ("packed_up.inner.module:double", None, None),
    ("packed_up.inner.other:double", "Python finds no module 'packed_up.inner.other'", "Install it"),
    ("os.path:join", None, None),
    ("os.path:joyn", "module 'os.path' has no function 'joyn'", "Did you mean 'join'?"),
    ("xml.dom.minidom:parseString", None, None),
    ("math:sqrt", None, None),
])
def test_a_call_is_looked_up_without_running_it(folder: Path, call: str, message: str | None, hint: str | None) -> None:
    problem = call_problem(call)
    assert (problem.problem if problem else None) == message
    assert hint is None or (problem is not None and hint in problem.hint)


@pytest.mark.parametrize("text", [b"def broken(:\n", b"\xff\xfe = 1\n", b"# coding: nonsense\n"])
def test_a_module_that_isn_t_python_is_reported(folder: Path, text: bytes) -> None:
    (folder / "looked_up.py").write_bytes(text)
    problem = call_problem("looked_up:double")
    assert problem is not None
    assert problem.problem.startswith("module 'looked_up' isn't valid Python: ")
    assert module_source("looked_up:double") == text


def test_modules_in_an_archive_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `--py-files`."""
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped_up.py", CODE)
    monkeypatch.syspath_prepend(str(tmp_path / "code.zip"))
    assert call_problem("zipped_up:double") is None
    assert call_problem("zipped_up:dubble") is not None
    assert module_source("zipped_up:double") == CODE.encode()


def test_a_notebooks_own_functions_are_looked_up_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = ModuleType("__main__")
    notebook.double = print  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    assert call_problem("__main__:double") is None
    assert call_problem("__main__:dubble") == Problem(
        "", "module '__main__' has no function 'dubble'", "Did you mean 'double'?")
    assert module_source("__main__:double") is None


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[None]:
    """As after `pip install --editable`: a finder for a package that is on no path."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "__init__.py").write_text("")
    (tmp_path / "elsewhere" / "code.py").write_text(CODE)

    class Finder(MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
            package = tmp_path / "elsewhere"
            return spec_from_file_location(name, package / "__init__.py", submodule_search_locations=[str(package)]) \
                if name == "edited" else None

    sys.meta_path.append(finder := Finder())
    yield
    sys.meta_path.remove(finder)


def test_modules_of_editable_installs_are_looked_up(finder: None) -> None:
    assert call_problem("edited.code:double") is None
    assert call_problem("edited.code:dubble") is not None
