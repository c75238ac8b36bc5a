"""The first stage: files of sources land in `raw/`, byte for byte, and rows of servers as Parquet, as immutable
versions."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.ingest.plan import plan_ingest
    from laketrain.ingest.stage import ingest

__all__ = ["ingest", "plan_ingest"]

__getattr__ = lazy_names(__name__, {"ingest": "laketrain.ingest.stage", "plan_ingest": "laketrain.ingest.plan"})
