"""The user's modules are shipped with all modules of theirs that they import."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from laketrain.deploy.code import local_code, references, write_zip
from laketrain.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules that only the driver's search path has; each fails when it is run."""
    losses = "import os, numpy as np\nfrom my_helpers.maths import half\nraise RuntimeError('was run')\n"
    files = {"my_losses.py": losses,
             "my_helpers/__init__.py": "", "my_helpers/maths.py": "import scipy.stats\nfrom . import table\n",
             "my_helpers/table.csv": "1,2\n", "my_unused.py": ""}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_is_listed_with_its_imports_and_not_run(folder: Path) -> None:
    code = local_code(["my_losses:tweedie"])
    assert code.paths == (folder / "my_helpers", folder / "my_losses.py")
    assert code.installed == {"numpy", "scipy"}


def test_a_missing_module_is_named() -> None:
    with pytest.raises(ConfigError, match="there is no module 'my_lost'.*PYTHONPATH"):
        local_code(["my_lost.losses:tweedie"], "a.yaml")


def test_every_key_of_a_config_that_names_code_is_read() -> None:
    data = {"train": {"model": {"use": "a:model", "settings": {"x": "no:t"}}, "callbacks": ["b:one", "b:two"],
                      "step": "c.d:step", "loss": {"y": {"use": "e:loss"}}},
            "clean": {"t": {"rules": [{"rule": "function", "call": "f:rule"}]}}, "sources": {"s": {"path": "hdfs://x:1"}}}
    assert set(references(data)) == {"a:model", "b:one", "b:two", "c.d:step", "e:loss", "f:rule"}


def test_the_zip_contains_all_of_laketrain_and_has_the_same_bytes_each_time(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_zip(tmp_path / f"{name}.zip", local_code(["my_losses:x"]).paths)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert {"laketrain/cli.py", "laketrain/report/templates/run.html", "my_losses.py", "my_helpers/maths.py",
            "my_helpers/table.csv"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]
    program = ("import sys; sys.path.insert(0, sys.argv[1]); import laketrain.cli, my_helpers; "
               "from laketrain.report.environment import environment; "
               "print(laketrain.cli.__file__, bool(environment().get_template('run.html')))")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "one.zip")], capture_output=True, text=True,
                          check=True)
    assert done.stdout.split() == [str(tmp_path / "one.zip" / Path("laketrain/cli.py")), "True"]
