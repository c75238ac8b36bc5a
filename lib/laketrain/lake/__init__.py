"""The lake: zones of tables whose versions are committed at one instant and never change.

    from laketrain.lake import Lake

    table = Lake("/data/lake").table("clean", "pixels")
    with table.stage() as draft:
        frame.write.parquet(draft.url("train"))
        version = draft.commit(stage="clean")
"""

from laketrain.lake.draft import Draft
from laketrain.lake.fingerprint import fingerprint
from laketrain.lake.gc import GcReport, collect
from laketrain.lake.increments import increments
from laketrain.lake.integrity import Flaw, verify
from laketrain.lake.lake import ZONES, Lake
from laketrain.lake.lease import lease
from laketrain.lake.lineage import lineage
from laketrain.lake.retention import Retention, expired, retire
from laketrain.lake.store import FileInfo, Store, open_store
from laketrain.lake.table import Table
from laketrain.lake.version import DataFile, Entry, Version

__all__ = ["ZONES", "DataFile", "Draft", "Entry", "FileInfo", "Flaw", "GcReport", "Lake", "Retention", "Store", "Table",
           "Version", "collect", "expired", "fingerprint", "increments", "lease", "lineage", "open_store", "retire",
           "verify"]
