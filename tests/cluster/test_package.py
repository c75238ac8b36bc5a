"""`laketrain package` makes what YARN needs: the command that it prints runs the workload where only the packed Python,
code and config are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster import Cluster
from cluster.submit import QUICK, QUICK_JVM, Installation

from .containers import application_of, said
from .walk import Walk

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
CODE = '''
import sys
from pathlib import Path

import laketrain


def signs():
    import keras

    class Signs(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            Path({sign!r}).write_text("\\n".join([sys.prefix, laketrain.__file__, str(keras.__file__)]))

    return Signs()
'''


def test_the_printed_command_runs_on_yarn_with_what_was_packed_alone(
        walked: Walk, yarn: Cluster, plain: Installation, url: str, tmp_path: Path) -> None:
    config, code, sign = tmp_path / "small.yaml", tmp_path / "beside" / "signing.py", tmp_path / "sign"
    code.parent.mkdir()
    code.write_text(CODE.format(sign=str(sign)))
    text = walked.config.read_text("utf-8")
    config.write_text(text.replace("  seed: 3\n", '  seed: 3\n  callbacks: ["signing:signs"]\n'), "utf-8")
    conf = {"spark.yarn.jars": f"local:{plain.spark}/jars/*", "spark.sql.shuffle.partitions": "2",
            "spark.ui.enabled": "false", **QUICK, "spark.yarn.submit.file.replication": "1",
            "spark.driver.memory": "640m", "spark.driver.memoryOverhead": "384m"}
    packed = subprocess.run(
        [sys.executable, "-m", "laketrain", "package", str(config), "--lake", url, "--out", str(tmp_path / "out"),
         "--overhead", "1g", *(word for each in conf.items() for word in ("--conf", "=".join(each)))],
        env={**os.environ, "PYTHONPATH": str(code.parent)}, capture_output=True, text=True, check=False)
    assert packed.returncode == 0, packed.stderr
    command = packed.stdout.partition("# cluster mode\n")[2]
    environ = {**os.environ, "HADOOP_CONF_DIR": str(yarn.conf), "SPARK_HOME": plain.spark, "LC_ALL": "C.UTF-8",
               "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SUBMIT_OPTS": QUICK_JVM,
               "PATH": f"{plain.environment}/bin:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "".join(said(yarn, application_of(done.stderr)).values())
    assert walked.on(url).left == walked.left
    prefix, laketrain, keras = sign.read_text().splitlines()
    assert Path(prefix).name == "environment"
    assert not Path(prefix).is_relative_to(sys.prefix)
    assert re.search(r"/code\.zip/laketrain/__init__\.py$", laketrain)
    assert Path(keras).is_relative_to(prefix)
