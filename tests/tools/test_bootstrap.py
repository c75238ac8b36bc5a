"""Set-up: missing programs, when it runs again, and after interruptions. No network."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tools() -> dict[str, ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return {name: importlib.import_module(name)
                for name in ("bootstrap", "console", "horovod_mends", "horovod_wheel", "lock", "stacks")}
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.fixture
def bootstrap(tools):
    return tools["bootstrap"]


@pytest.fixture
def wheel(tools):
    return tools["horovod_wheel"]


@pytest.fixture
def mends(tools):
    return tools["horovod_mends"]


@pytest.fixture
def console(tools):
    return tools["console"].Console()


@pytest.fixture
def checkout(tmp_path):
    """The files that set-up reads, in a path with a space."""
    root = tmp_path / "a checkout"
    for name in ("requirements/cpu.lock", "requirements/compat.lock", "setup.py", "pyproject.toml",
                 "tools/bootstrap.py", "tools/horovod_wheel.py", "tools/horovod_mends.py", "tools/stacks.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def target(tools, checkout):
    return target_of(tools, checkout)


def target_of(tools, root: Path, stack: str = "newest"):
    return tools["stacks"].Target(root, "cpu", tools["stacks"].STACKS[stack])


def jdk(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    java = folder / "bin" / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="somebody"\nJAVA_VERSION="{version}"\n')
    return folder


# Requirements of the machine


def test_the_java_finder_loads_without_the_package(bootstrap, tmp_path):
    java = bootstrap.load_java_finder(ROOT)
    home = jdk(tmp_path / "jvm" / "jdk-21", "21.0.4")
    assert java.find_java({}, [str(tmp_path / "jvm")]).path == home


def test_all_missing_programs_are_reported_together(bootstrap):
    lines = bootstrap.missing((3, 10), [(3, 13), (3, 12), (3, 11)], [])
    assert [line.split(" (")[0].split(":")[0] for line in lines] == [
        "Python 3.13, 3.12 or 3.11", "Java 17 or 21, for Spark"]
    assert bootstrap.missing((3, 12), [(3, 11)], [])[0].startswith("Python 3.11 (this is 3.12): apt-get install")
    assert "apt-get install openjdk-17-jdk-headless" in lines[1]


def test_a_java_of_the_wrong_version_is_named(bootstrap, tmp_path):
    java = bootstrap.load_java_finder(ROOT)
    home = jdk(tmp_path / "jdk-25", "25.0.3")
    result = list(java.java_homes({"JAVA_HOME": str(home)}, []))
    assert f"found: 25.0.3 in {home}" in bootstrap.missing((3, 11), [(3, 11)], result)[0]


def test_a_bare_machine_gets_a_list_without_a_traceback(tmp_path):
    """The whole program, run as by `make setup`, with an empty PATH and an empty cache, where no folder has a Java."""
    bare = dict.fromkeys(("PATH", "HOME", "LAKETRAIN_CACHE"), str(tmp_path))
    environ = {**bare, "LAKETRAIN_DEVICE": "cpu"}
    root = tmp_path / "checkout"
    for name in ("tools", "requirements", "lib/laketrain/spark"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    java = root / "lib" / "laketrain" / "spark" / "java.py"
    java.write_text(re.sub(r"SEARCH_PATHS = \([^)]*\)", "SEARCH_PATHS = ()", java.read_text()))
    run = subprocess.run([sys.executable, "-B", str(root / "tools" / "bootstrap.py")], env=environ, text=True,
                         capture_output=True, check=False)
    assert run.returncode == 1
    assert "Java 17 or 21" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (root / ".venv").exists()


@pytest.mark.parametrize(("asked", "device"), [("cpu", "cpu"), ("GPU", "gpu")])
def test_the_device_can_be_chosen(bootstrap, asked, device):
    assert bootstrap.choose_device({"LAKETRAIN_DEVICE": asked}) == device


def test_an_unknown_device_is_refused_by_name(bootstrap):
    with pytest.raises(SystemExit, match="'tpu'; it may be cpu or gpu"):
        bootstrap.choose_device({"LAKETRAIN_DEVICE": "tpu"})


# Horovod's wheel


def shaped(**changes: object) -> dict[str, object]:
    facts = {"horovod": "0.28.1", "mends": "a", "settings": {"HOROVOD_WITH_GLOO": "1"}, "flags": {},
             "tensorflow": "tensorflow-cpu==2.21.0", "python": "cpython-311-x86_64-linux-gnu",
             "platform": ["linux-x86_64", "glibc", "2.36"], "cpu": ["avx"], "compiler": "g++ 12"}
    return {**facts, **changes}


@pytest.mark.parametrize("change", [
    {"horovod": "0.29"}, {"mends": "b"}, {"settings": {"HOROVOD_GPU_OPERATIONS": "NCCL"}},
    {"flags": {"CXXFLAGS": "-O1"}}, {"tensorflow": "tensorflow==2.21.0"}, {"python": "cpython-312"},
    {"platform": ["linux-aarch64", "glibc", "2.36"]},
    {"cpu": []}, {"compiler": "g++ 13"},
])
def test_everything_that_affects_the_wheel_changes_its_key(wheel, change):
    assert wheel.key(shaped()) == wheel.key(shaped())
    assert wheel.key(shaped(**change)) != wheel.key(shaped())


def test_this_machine_has_a_key(wheel):
    facts = wheel.facts(ROOT / "requirements" / "cpu.lock", "cpu")
    assert set(facts) == set(shaped())
    assert json.loads(json.dumps(facts)) == facts


def test_compiler_flags_of_the_environment_are_in_the_key(wheel):
    lock, environ = ROOT / "requirements" / "cpu.lock", {"PATH": os.environ["PATH"]}
    plain, flagged = wheel.facts(lock, "cpu", environ), wheel.facts(lock, "cpu", {**environ, "CXXFLAGS": "-O1"})
    assert wheel.key(plain) != wheel.key(flagged)


@pytest.mark.parametrize(("machine", "build"), [("x86_64", "tensorflow-cpu"), ("aarch64", "tensorflow")])
def test_the_lock_has_a_tensorflow_for_each_machine(wheel, machine, build):
    assert wheel.locked_tensorflow(ROOT / "requirements" / "cpu.lock", machine).split("==")[0] == build


def keep(wheel, shelf: Path, facts: dict[str, object]) -> Path:
    folder = shelf / wheel.key(facts)
    folder.mkdir(parents=True)
    (folder / "horovod-0.28.1-cp311-cp311-linux_x86_64.whl").touch()
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


def test_a_cached_wheel_is_used_and_nothing_is_built(wheel, console, tmp_path):
    folder = keep(wheel, tmp_path, shaped())
    assert wheel.provide(shaped(), Path("no python"), console, tmp_path).parent == folder


def test_a_wheel_with_another_key_is_not_used(wheel, tmp_path):
    keep(wheel, tmp_path, shaped())
    assert wheel.kept(shaped(tensorflow="tensorflow-cpu==2.22.0"), tmp_path) is None


def test_without_a_compiler_the_wheel_of_any_compiler_is_used(wheel, tmp_path):
    folder = keep(wheel, tmp_path, shaped())
    keep(wheel, tmp_path, shaped(python="cpython-312"))
    assert wheel.kept(shaped(compiler=""), tmp_path).parent == folder


def test_a_killed_build_is_not_used_as_a_wheel(wheel, tmp_path):
    (tmp_path / f"{wheel.key(shaped())}.part" / "work").mkdir(parents=True)
    assert wheel.kept(shaped(), tmp_path) is None
    assert wheel.kept(shaped(compiler=""), tmp_path) is None


def test_a_patch_changes_only_its_lines(mends, tmp_path):
    (tmp_path / "loop.cc").write_text("begin\n  sleep(1);\nend\n")
    mends.mend(tmp_path, mends.Mend("loop.cc", "  sleep(1);\n", "  wait();\n"))
    assert (tmp_path / "loop.cc").read_text() == "begin\n  wait();\nend\n"


@pytest.mark.parametrize("source", ["another release\n", "  sleep(1);\n  sleep(1);\n"])
def test_a_patch_of_another_source_is_refused(mends, tmp_path, source):
    (tmp_path / "loop.cc").write_text(source)
    with pytest.raises(mends.BuildFailed, match="another release"):
        mends.mend(tmp_path, mends.Mend("loop.cc", "  sleep(1);\n", ""))


def test_the_source_that_fails_against_new_tensorflows_is_left_out(mends):
    assert [mend.put for mend in mends.MENDS if "xla_mpi_ops.cc" in mend.find] == [""]


def test_a_parent_make_does_not_slow_down_the_build(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", " --jobserver-auth=3,4")
    monkeypatch.setenv("MAKELEVEL", "1")
    environ = wheel._build_environment(shaped(), tmp_path)
    assert environ["MAKEFLAGS"].startswith("-j")
    assert "MAKELEVEL" not in environ


# Done, changed, interrupted


def set_up(bootstrap, target, with_horovod: bool = True) -> Path:
    """An environment as a successful set-up leaves it."""
    venv = target.venv
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    bootstrap.finish(target, with_horovod)
    return venv


def test_a_finished_setup_is_recognised(bootstrap, target):
    set_up(bootstrap, target)
    assert bootstrap.is_done(target)


def test_a_setup_without_horovod_is_finished_until_there_is_a_compiler(bootstrap, target, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    set_up(bootstrap, target, with_horovod=False)
    assert bootstrap.is_done(target)
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho g++ 12\n")
    compiler.chmod(0o755)
    assert not bootstrap.is_done(target)


def test_the_oldest_stack_is_finished_without_horovod(bootstrap, tools, checkout):
    oldest = target_of(tools, checkout, "oldest")
    set_up(bootstrap, oldest, with_horovod=False)
    assert bootstrap.is_done(oldest)


def test_a_setup_with_horovod_stays_finished_without_the_compiler(bootstrap, target, tmp_path, monkeypatch):
    set_up(bootstrap, target)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.is_done(target)


@pytest.mark.parametrize("name", ["requirements/cpu.lock", "setup.py", "tools/horovod_wheel.py",
                                  "tools/horovod_mends.py"])
def test_a_changed_input_of_the_setup_is_detected(bootstrap, checkout, target, name):
    set_up(bootstrap, target)
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert not bootstrap.is_done(target)


def test_a_moved_checkout_needs_a_new_setup(tools, bootstrap, checkout, target):
    set_up(bootstrap, target)
    moved = checkout.rename(checkout.with_name("moved"))
    assert not bootstrap.is_done(target_of(tools, moved))


def test_a_missing_python_needs_a_new_setup(bootstrap, target):
    venv = set_up(bootstrap, target)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3.11")
    assert not bootstrap.is_done(target)


def test_a_changed_lock_updates_the_venv_in_place(bootstrap, target, console):
    venv = set_up(bootstrap, target)
    (venv / "kept").touch()
    bootstrap.make_venv(target, console)
    assert (venv / "kept").exists()
    assert not bootstrap.is_done(target), "nothing may look done while it is being changed"


def test_an_interrupted_setup_starts_again(bootstrap, target, console):
    venv = set_up(bootstrap, target)
    bootstrap.make_venv(target, console)  # and killed here
    (venv / "torn").touch()
    bootstrap.make_venv(target, console)
    assert not (venv / "torn").exists()
    assert (venv / "bin" / "python").exists()
    bootstrap.finish(target, with_horovod=True)
    assert bootstrap.is_done(target)


def test_the_venv_of_a_moved_checkout_is_made_again(tools, bootstrap, checkout, target, console):
    (set_up(bootstrap, target) / "old").touch()
    moved = checkout.rename(checkout.with_name("moved"))
    bootstrap.make_venv(target_of(tools, moved), console)
    assert not (moved / ".venv" / "old").exists()


def test_a_foreign_venv_is_moved_away(bootstrap, checkout, target, console):
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    bootstrap.make_venv(target, console)
    assert len(list(checkout.glob(".venv-before-*/precious"))) == 1


def test_another_python_makes_the_venv_again(bootstrap, target, console, monkeypatch):
    (set_up(bootstrap, target) / "old").touch()
    monkeypatch.setattr(bootstrap, "_python", lambda: "3.99")
    assert not bootstrap.is_done(target)
    bootstrap.make_venv(target, console)
    assert not (target.venv / "old").exists()


def test_each_stack_has_its_environment_and_lock(bootstrap, tools, checkout):
    newest, oldest = target_of(tools, checkout), target_of(tools, checkout, "oldest")
    assert bootstrap.choose_stack([]) == newest.stack and bootstrap.choose_stack(["oldest"]) == oldest.stack
    assert (newest.venv.name, newest.lock.name) == (".venv", "cpu.lock")
    assert (oldest.venv.name, oldest.lock.name) == (".venv-oldest", "compat.lock")
    set_up(bootstrap, newest)
    assert not bootstrap.is_done(oldest)


def test_an_unknown_stack_is_refused_by_name(bootstrap):
    with pytest.raises(SystemExit, match="STACK is 'old'; it may be newest or oldest"):
        bootstrap.choose_stack(["old"])


def test_an_interrupted_removal_is_completed(bootstrap, checkout, target, console):
    (checkout / f"{bootstrap.TRASH}1" / "lib").mkdir(parents=True)
    set_up(bootstrap, target)
    bootstrap.make_venv(target, console)
    assert list(checkout.glob(f"{bootstrap.TRASH}*")) == []


def test_only_processes_of_a_killed_setup_are_ended(bootstrap, tmp_path):
    """A grandchild isn't notified of its grandparent's death and would write into the new .venv."""
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    orphan, other = (subprocess.Popen(sleep, env={**os.environ, bootstrap.MARK: str(root)})
                     for root in (tmp_path / "this", tmp_path / "this one not"))
    try:
        wait_for(lambda: bootstrap.MARK.encode() in Path(f"/proc/{orphan.pid}/environ").read_bytes())
        bootstrap.end_orphans(tmp_path / "this")
        assert orphan.wait(timeout=20) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (orphan, other):
            process.kill()
            process.wait()


# Steps and their files


def test_a_failed_step_shows_the_end_of_its_log(tools, console, tmp_path):
    with pytest.raises(tools["console"].StepFailed) as failure:
        console.run("a step", [sys.executable, "-c", "print('why it failed'); raise SystemExit(3)"], tmp_path / "log")
    assert "a step: ended with code 3" in str(failure.value)
    assert "| why it failed" in str(failure.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_a_killed_setup(tmp_path, number):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "from pathlib import Path; from console import Console\n"
        "child = 'import os, time; open(\"pid\", \"w\").write(str(os.getpid())); time.sleep(60)'\n"
        "Console().run('sleeping', [sys.executable, '-c', child], Path('log'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(ROOT / "tools")], cwd=tmp_path,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    parent.send_signal(number)
    parent.wait(timeout=20)
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(child))


def wait_for(condition) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# pip's settings reach uv, which does not read them


def test_the_nearer_setting_of_pip_wins(bootstrap):
    listed = ":env:.timeout='60'\nglobal.index-url='one'\nglobal.timeout='15'\ninstall.index-url='two'\n"
    assert bootstrap.pip_settings(listed) == {"timeout": "60", "index-url": "two"}


def test_uv_uses_pips_index_and_certificate(bootstrap, tmp_path):
    settings = {"index-url": "an index", "cert": "/etc/ca.crt", "find-links": f"{tmp_path} /not/there", "timeout": "9"}
    mapped = bootstrap.uv_environment({}, {**settings, "index-url": "one"})
    assert mapped["UV_DEFAULT_INDEX"] == "one"
    assert mapped["SSL_CERT_FILE"] == "/etc/ca.crt"
    assert mapped["UV_FIND_LINKS"] == str(tmp_path)
    assert mapped["UV_HTTP_TIMEOUT"] == "9"


def test_settings_of_uv_take_precedence(bootstrap):
    assert bootstrap.uv_environment({"UV_DEFAULT_INDEX": "mine"}, {"index-url": "other"})["UV_DEFAULT_INDEX"] == "mine"


# The locks


def both(marker: str) -> str:
    """The marker as uv writes it for a package of both machines."""
    return f"(platform_machine == 'aarch64' and {marker}) or (platform_machine == 'x86_64' and {marker})"


@pytest.mark.parametrize(("line", "simple"), [
    ("a==1 ; " + both("python_full_version < '3.14'") + " \\", "a==1 \\"),
    ("a==1 ; python_full_version < '3.14' and platform_machine == 'x86_64' \\",
     "a==1 ; platform_machine == 'x86_64' \\"),
    ("a==1 ; " + both("python_full_version < '3.12'") + " \\", "a==1 ; python_version <= '3.11' \\"),
    ("a==1 ; " + both("python_full_version >= '3.12' and python_full_version < '3.14'"),
     "a==1 ; python_version >= '3.12'"),
    ("a==1 ; python_version == '3.12' and platform_machine == 'aarch64'",
     "a==1 ; python_version >= '3.12' and python_version <= '3.12' and platform_machine == 'aarch64'"),
    ("    --hash=sha256:00 \\", "    --hash=sha256:00 \\"),
])
def test_a_marker_is_kept_only_if_machines_or_pythons_differ(tools, line, simple):
    assert tools["lock"].simplify(line) == simple


@pytest.mark.parametrize("name", ["cpu", "gpu", "compat"])
def test_a_lock_is_exact_hashed_and_names_no_registry(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    packages = [block for block in text.split("\n") if block and not block.startswith((" ", "#"))]
    assert len(packages) > 100
    assert all("==" in package and package.endswith("\\") for package in packages)
    assert "://" not in text
    assert "horovod==" not in text
