"""The first stage: copies the files of sources to `raw/` byte for byte, and writes the rows of servers as Parquet."""

from laketrain.ingest.plan import plan_ingest
from laketrain.ingest.stage import ingest

__all__ = ["ingest", "plan_ingest"]
