"""Java is found where machines keep it, and one that Spark can't run on is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.spark.java import JavaHome, find_java, java_homes


def jdk(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="somebody"\nJAVA_VERSION="{version}"\n')
    return folder


def test_java_home_comes_first(tmp_path):
    named, placed = jdk(tmp_path / "named", "17.0.2"), jdk(tmp_path / "jvm" / "placed", "21.0.1")
    result = find_java({"JAVA_HOME": str(named)}, [str(placed.parent)])
    assert result == JavaHome(named, "17.0.2", "JAVA_HOME")


def test_a_java_home_that_is_too_new_for_spark_is_skipped(tmp_path):
    named, placed = jdk(tmp_path / "named", "25.0.3"), jdk(tmp_path / "jvm" / "placed", "21.0.1")
    assert find_java({"JAVA_HOME": str(named)}, [str(placed.parent)]).path == placed


def test_a_missing_java_home_is_skipped(tmp_path):
    placed = jdk(tmp_path / "jvm" / "placed", "17.0.1")
    assert find_java({"JAVA_HOME": str(tmp_path / "gone")}, [str(placed.parent)]).path == placed


def test_the_links_of_java_on_the_path_are_followed(tmp_path):
    home = jdk(tmp_path / "jdk", "17.0.9")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java({"PATH": str(tmp_path / "bin")}, []) == JavaHome(home, "17.0.9", "PATH")


def test_a_version_managers_shim_is_run(tmp_path):
    home = jdk(tmp_path / "jdk", "21.0.2")
    (tmp_path / "shims").mkdir()
    shim = tmp_path / "shims" / "java"
    shim.write_text(f"#!/bin/sh\necho '    java.home = {home}' >&2\necho '    java.version = 21.0.2' >&2\n")
    shim.chmod(0o755)
    assert find_java({"PATH": str(tmp_path / "shims")}, []) == JavaHome(home, "21.0.2", "PATH")


def test_the_newest_supported_java_of_a_folder_is_chosen(tmp_path):
    for name, version in (("a", "17.0.1"), ("b", "21.0.1"), ("c", "25.0.1"), ("d", "1.8.0_402")):
        jdk(tmp_path / name, version)
    assert find_java({}, [str(tmp_path)]).version == "21.0.1"
    assert [home.major for home in java_homes({}, [str(tmp_path)])] == [25, 21, 17, 8]


def test_a_java_under_two_names_is_listed_once(tmp_path):
    home = jdk(tmp_path / "jdk-17", "17.0.1")
    (tmp_path / "default").symlink_to(home)
    assert len(list(java_homes({"JAVA_HOME": str(home)}, [str(tmp_path)]))) == 1


def test_a_machine_without_java_has_none(tmp_path):
    assert find_java({"PATH": ""}, [str(tmp_path), str(tmp_path / "absent")]) is None


@pytest.mark.parametrize(("version", "major"), [("17.0.15", 17), ("21", 21), ("1.8.0_402", 8), ("", 0), ("22-ea", 22)])
def test_the_major_version_is_read_from_old_and_new_numbering(version, major):
    assert JavaHome(Path(), version, "").major == major
