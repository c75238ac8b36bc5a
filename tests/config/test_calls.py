"""A user's functions are looked up without running their modules, wherever Python would find these."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from laketrain.config.calls import call_problem, source_of
from laketrain.errors import Problem

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
    """On Python's path: the module `expand`, and a package with another of the same text."""
    (tmp_path / "expand.py").write_text(CODE)
    (tmp_path / "packed_up" / "inner").mkdir(parents=True)
    (tmp_path / "packed_up" / "__init__.py").write_text("raise RuntimeError('was run')\n")
    (tmp_path / "packed_up" / "inner" / "module.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("call", "said", "hint"), [
    ("expand:double", None, None),
    ("expand:halve", None, None),
    ("expand:paths", None, None),
    ("expand:dubble", "module 'expand' has no function 'dubble'", "Did you mean 'double'?"),
    ("looked_upp:double", "Python finds no module 'looked_upp'", "put its folder on PYTHONPATH"),
    ("expand.sub:double", "Python finds no module 'expand.sub'", "Install it"),
    ("packed_up.inner.module:double", None, None),
    ("packed_up.inner.other:double", "Python finds no module 'packed_up.inner.other'", "Install it"),
    ("os.path:join", None, None),
    ("os.path:joyn", "module 'os.path' has no function 'joyn'", "Did you mean 'join'?"),
    ("xml.dom.minidom:parseString", None, None),
    ("math:sqrt", None, None),
])
def test_a_call_is_looked_up_without_running_it(folder: Path, call: str, said: str | None, hint: str | None) -> None:
    told = call_problem(call)
    assert (told[0] if told else None) == said
    assert hint is None or (told is not None and hint in told[1])


@pytest.mark.parametrize("text", [b"def broken(:\n", b"\xff\xfe = 1\n", b"# coding: nonsense\n"])
def test_a_module_that_is_no_python_is_told(folder: Path, text: bytes) -> None:
    (folder / "expand.py").write_bytes(text)
    told = call_problem("expand:double")
    assert told is not None
    assert told[0].startswith("module 'expand' is no Python: ")
    assert source_of("expand:double") == text


def test_modules_in_an_archive_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `--py-files` brings them."""
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("zipped_up.py", CODE)
    monkeypatch.syspath_prepend(str(tmp_path / "code.zip"))
    assert call_problem("zipped_up:double") is None
    assert call_problem("zipped_up:dubble") is not None
    assert source_of("zipped_up:double") == CODE.encode()


def test_a_notebooks_own_functions_are_looked_up_in_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = ModuleType("__main__")
    notebook.double = print  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", notebook)
    assert call_problem("__main__:double") is None
    assert call_problem("__main__:dubble") == ("module '__main__' has no function 'dubble'", "Did you mean 'double'?")
    assert source_of("__main__:double") is None


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[None]:
    """As `pip install --editable` leaves one: it knows where a package is that lies on no path."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "__init__.py").write_text("")
    (tmp_path / "elsewhere" / "code.py").write_text(CODE)

    class Finder(MetaPathFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
            place = tmp_path / "elsewhere"
            return spec_from_file_location(name, place / "__init__.py", submodule_search_locations=[str(place)]) \
                if name == "edited" else None

    sys.meta_path.append(found := Finder())
    yield
    sys.meta_path.remove(found)


def test_modules_that_are_installed_to_be_edited_are_found(finder: None) -> None:
    assert call_problem("edited.code:double") is None
    assert call_problem("edited.code:dubble") is not None


@pytest.mark.parametrize(("setting", "where"), [
    ("train.loss={use: 'expand:dubble'}", "train.loss"),
    ("train.loss={label: {use: 'expand:dubble'}}", "train.loss"),
    ("train.callbacks=['expand:double', 'expand:dubble']", "train.callbacks"),
    ("train.step='expand:dubble'", "train.step"),
])
def test_what_training_is_to_call_is_looked_up_before_anything_runs(
        folder: Path, problems: Callable[..., list[Problem]], digits: str, setting: str, where: str) -> None:
    [problem] = problems(digits, [setting])
    assert problem.where == f"--set {where}"
    assert problem.problem == "module 'expand' has no function 'dubble'"
    assert problems(digits, [setting.replace("dubble", "double")]) == []
