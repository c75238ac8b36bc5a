"""Rooms import only what the contracts allow, modules have tests of their name, and the code passes ruff."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)


def test_every_room_imports_only_rooms_that_it_may():
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_code_passes_ruff():
    result = run("ruff", "check", "--no-cache", "--output-format=concise")
    assert result.returncode == 0, result.stdout


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
    """The contracts are about imports in the source; this runs them in a new interpreter."""
    heavy = ("tensorflow", "keras", "pyspark", "horovod", "petastorm")
    program = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


def test_four_modules_of_five_have_a_test_of_their_name():
    """A stranger looks for the test of `lake/draft.py` in `tests/lake/test_draft.py`, or elsewhere in `tests/lake/`."""
    package, tests = ROOT / "lib" / "laketrain", ROOT / "tests"

    def has_test(module: Path) -> bool:
        room = Path(*module.relative_to(package).parent.parts[:1])
        files = (tests / room).rglob if room.parts else tests.glob
        return any(files(f"test_{module.stem}.py"))

    modules = [module for module in package.rglob("*.py") if not module.stem.startswith("__")]
    untested = sorted(str(module.relative_to(package)) for module in modules if not has_test(module))
    assert len(untested) <= 0.2 * len(modules), f"no test file has the name of {', '.join(untested)}"


def test_public_names_are_imported_when_first_used():
    import laketrain

    assert set(laketrain.__all__) <= set(dir(laketrain))
    assert laketrain.World(0, 1).size == 1
    with pytest.raises(AttributeError, match="Did you mean 'Pipeline'"):
        laketrain.Pipe  # noqa: B018
