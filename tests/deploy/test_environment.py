"""The packed environment is what a job needs, laketrain itself included, and runs elsewhere."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from laketrain.deploy import environment
from laketrain.deploy.environment import TRACKERS, distributions, pack_environment
from laketrain.errors import LaunchError


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """laketrain and two small distributions: all would be gigabytes."""
    every = distributions()
    monkeypatch.setattr(environment, "distributions",
                        lambda also=(), wanted=(): {name: every[name] for name in ("laketrain", "six", "packaging")})


@pytest.mark.usefixtures("light")
def test_what_is_packed_runs_where_it_is_unpacked_with_laketrain_from_within(tmp_path: Path) -> None:
    """Here pip has laketrain as an editable install, of which the archive would have a path of this machine."""
    assert pack_environment(tmp_path / "environment.tar.gz")
    with tarfile.open(tmp_path / "environment.tar.gz") as archive:
        archive.extractall(tmp_path / "there")
    program = ("import sys, six, laketrain.errors, importlib.metadata as m; "
               "print(sys.prefix, laketrain.__file__, m.version('laketrain'))")
    done = subprocess.run([str(tmp_path / "there" / "bin" / "python"), "-c", program], capture_output=True, text=True,
                          check=False, env={}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    prefix, file, version = done.stdout.split()
    assert Path(prefix) == tmp_path / "there"
    assert Path(file).is_relative_to(tmp_path / "there")
    assert version == importlib.metadata.version("laketrain")


@pytest.mark.usefixtures("light")
def test_the_same_environment_is_not_packed_twice_and_another_is(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "environment.tar.gz"
    assert pack_environment(archive)
    first = archive.stat().st_mtime_ns
    assert not pack_environment(archive)
    assert archive.stat().st_mtime_ns == first
    archive.unlink()
    assert pack_environment(archive)
    alone = {"laketrain": distributions()["laketrain"]}
    monkeypatch.setattr(environment, "distributions", lambda also=(), wanted=(): alone)
    assert pack_environment(archive)
    with tarfile.open(archive) as packed:
        assert not any("/six.py" in name for name in packed.getnames())


def test_all_that_a_job_imports_is_packed_and_developers_tools_are_not() -> None:
    found = set(distributions())
    assert {"laketrain", "keras", "horovod", "petastorm", "pyarrow", "pyspark", "hdfs-native", "jinja2"} <= found
    assert found & {"tensorflow", "tensorflow-cpu"}
    assert not found & {"pytest", "mypy", "ruff", "moto", "ipykernel", "cmake"}
    assert "tensorboard" in distributions(wanted=TRACKERS)
    assert "pytest" in distributions(also=["pytest"])


def test_spark_jars_headers_and_what_lies_outside_stay_behind() -> None:
    names = [member.name for member in environment._members(distributions())]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith(("..", "/")) or "__editable__" in name]
    assert not [name for name in names if name.startswith(("pyspark/jars/", "tensorflow/include/"))]
    assert {"laketrain/cli.py", "laketrain/report/templates/run.html", "keras/__init__.py"} <= set(names)


def test_a_distribution_that_is_not_there_is_refused() -> None:
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
    with pytest.raises(LaunchError, match="is no virtual environment"):
        pack_environment(tmp_path / "environment.tar.gz")
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(LaunchError, match="conda pack .*--environment"):
        pack_environment(tmp_path / "environment.tar.gz")
