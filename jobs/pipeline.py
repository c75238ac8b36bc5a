"""All stages of a workload, only what changed, for spark-submit or a scheduler.

    spark-submit --master 'local[2]' jobs/pipeline.py conf/mnist.yaml --set train.epochs=3 --to train
"""

from laketrain.cli import run_job

if __name__ == "__main__":
    run_job()
