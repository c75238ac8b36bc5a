"""The first stage: files of sources land in `raw/`, byte for byte, and rows of servers as Parquet, as immutable
versions."""

from laketrain.ingest.plan import plan_ingest
from laketrain.ingest.stage import ingest

__all__ = ["ingest", "plan_ingest"]
