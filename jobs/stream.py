"""A service that lands what arrives, for spark-submit.

    spark-submit --packages <connector> jobs/stream.py conf/events.yaml --every '10 s'      # docs/how-to/streams.md
"""

from laketrain.cli import run_stream_job

if __name__ == "__main__":
    run_stream_job()
