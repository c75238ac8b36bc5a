"""The stage `convert` of a workload, for spark-submit or a scheduler.

    spark-submit --master yarn jobs/convert.py conf/mnist.yaml --lake hdfs://namenode/lake
"""

from laketrain.cli import run_job

if __name__ == "__main__":
    run_job("convert")
