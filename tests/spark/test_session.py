"""The session under spark-submit, whose settings win over ours and the config's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

JOB = """
from laketrain.config.spark import Spark
from laketrain.spark.session import session

conf = session(Spark.model_validate({"conf": {"spark.sql.autoBroadcastJoinThreshold": 7, "spark.mine": "config"}}),
               "here").sparkContext.getConf()
print(*(conf.get(key) for key in ("spark.sql.shuffle.partitions", "spark.mine",
                                  "spark.sql.autoBroadcastJoinThreshold", "spark.python.worker.reuse")))
"""


@pytest.mark.slow
def test_what_spark_submit_is_told_wins_over_the_config_and_our_defaults(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(JOB, "utf-8")
    submit = shutil.which("spark-submit", path=str(Path(sys.executable).parent))
    assert submit is not None
    done = subprocess.run(
        [submit, "--master", "local[1]", "--conf", "spark.sql.shuffle.partitions=3", "--conf", "spark.mine=submit",
         "--conf", "spark.ui.enabled=false", str(job)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(Path(pyspark.__file__).parent)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "submit", "7", "true"]
