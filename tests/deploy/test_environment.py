"""The packed environment contains what a job needs, with laketrain, and runs in another folder."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from laketrain.deploy import environment
from laketrain.deploy.environment import TRACKERS, distributions, pack_environment
from laketrain.distributed.horovod import is_built_for_this_tensorflow
from laketrain.errors import LaunchError


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """laketrain and two small distributions: all would be gigabytes."""
    every = distributions()
    monkeypatch.setattr(environment, "distributions",
                        lambda also=(), optional=(): {name: every[name] for name in ("laketrain", "six", "packaging")})


@pytest.mark.usefixtures("light")
def test_the_packed_python_runs_where_it_is_unpacked_and_has_laketrain(tmp_path: Path) -> None:
    """laketrain is an editable install here, whose metadata has a path of this machine."""
    assert pack_environment(tmp_path / "environment.tar.gz")
    with tarfile.open(tmp_path / "environment.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked")
    program = ("import sys, six, laketrain.errors, importlib.metadata as m; "
               "print(sys.prefix, laketrain.__file__, m.version('laketrain'))")
    python = str(tmp_path / "unpacked" / "bin" / "python")
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False, env={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    prefix, file, version = done.stdout.split()
    assert Path(prefix) == tmp_path / "unpacked"
    assert Path(file).is_relative_to(tmp_path / "unpacked")
    assert version == importlib.metadata.version("laketrain")


@pytest.mark.usefixtures("light")
def test_only_a_changed_environment_is_packed_again(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "environment.tar.gz"
    assert pack_environment(archive)
    first = archive.stat().st_mtime_ns
    assert not pack_environment(archive)
    assert archive.stat().st_mtime_ns == first
    archive.unlink()
    assert pack_environment(archive)
    alone = {"laketrain": distributions()["laketrain"]}
    monkeypatch.setattr(environment, "distributions", lambda also=(), optional=(): alone)
    assert pack_environment(archive)
    with tarfile.open(archive) as packed:
        assert not any("/six.py" in name for name in packed.getnames())


def test_all_that_a_job_imports_is_packed_and_developers_tools_are_not() -> None:
    names = set(distributions())
    assert {"laketrain", "keras", "pyarrow", "pyspark", "hdfs-native", "jinja2"} <= names
    assert ("horovod" in names) is is_built_for_this_tensorflow()
    assert names & {"tensorflow", "tensorflow-cpu"}
    assert not names & {"pytest", "mypy", "ruff", "moto", "ipykernel", "cmake", "petastorm"}
    assert "tensorboard" in distributions(optional=TRACKERS)
    assert "pytest" in distributions(also=["pytest"])


def test_spark_jars_headers_tests_and_files_outside_are_left_out() -> None:
    names = [member.name for member in environment._members(distributions())]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("..", "/")) or "__editable__" in name]
    assert not [name for name in names if name.startswith(("pyspark/jars/", "tensorflow/include/", "pyarrow/include/"))]
    assert not [name for name in names if name.startswith(("pandas/tests/", "scipy/fft/tests/", "sklearn/tests/"))]
    assert {"laketrain/cli.py", "laketrain/report/templates/run.html", "keras/__init__.py"} <= set(names)
    assert {"pandas/_testing/__init__.py", "h5py/tests/__init__.py"} <= set(names)  # both are imported


def test_a_missing_distribution_is_refused() -> None:
    with pytest.raises(LaunchError, match="pip install no-such-thing"):
        distributions(also=["no-such-thing"])


def test_another_editable_install_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "RECORD").write_text("__editable__.mine-1.pth,,\nmine-1.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(LaunchError, match="'mine': is an editable install"):
        list(environment._members(distributions(also=["mine"])))


def test_a_conda_environment_is_left_to_conda_pack_and_a_bare_python_is_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(LaunchError, match="isn't a virtual environment"):
        pack_environment(tmp_path / "environment.tar.gz")
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(LaunchError, match="conda pack .*--environment"):
        pack_environment(tmp_path / "environment.tar.gz")
