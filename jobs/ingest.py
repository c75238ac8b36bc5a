"""The stage `ingest` of a workload, for spark-submit or a scheduler.

    spark-submit --master yarn jobs/ingest.py conf/mnist.yaml --lake hdfs://namenode/lake
"""

from laketrain.cli import run_job

if __name__ == "__main__":
    run_job("ingest")
