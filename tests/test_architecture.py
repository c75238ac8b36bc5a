"""The rooms import only what DESIGN's map allows, and the code keeps the project's style."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)


def test_every_room_imports_only_what_it_may():
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_code_keeps_the_style():
    done = run("ruff", "check", "--no-cache", "--output-format=concise")
    assert done.returncode == 0, done.stdout


def test_only_manifests_read_the_meta_of_entries():
    """`appends` is below the manifests, and `Pipeline.evaluate` returns the meta of an evaluation as it is."""
    package = ROOT / "lib" / "laketrain"
    readers = {path.relative_to(package).as_posix() for path in package.rglob("*.py")
               if "entry.meta" in path.read_text("utf-8")}
    assert {reader for reader in readers if not reader.startswith("lake/manifests/")} == {
        "lake/appends.py", "pipeline/pipeline.py"}


@pytest.mark.parametrize("module", [
    "laketrain", "laketrain.errors", "laketrain.config", "laketrain.features", "laketrain.lake", "laketrain.feed.lanes",
    "laketrain.distributed.world", "laketrain.doctor", "laketrain.spark.java", "laketrain.cli",
    "laketrain.pipeline.stages",
])
def test_light_modules_load_nothing_heavy(module):
    """What the contracts say of imports as written, seen in a fresh interpreter."""
    heavy = ("tensorflow", "keras", "pyspark", "horovod", "petastorm")
    program = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_public_names_come_when_they_are_asked_for():
    import laketrain

    assert set(laketrain.__all__) <= set(dir(laketrain))
    assert laketrain.World(0, 1).size == 1
    with pytest.raises(AttributeError, match="Did you mean 'Pipeline'"):
        laketrain.Pipe  # noqa: B018
