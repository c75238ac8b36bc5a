"""The lake: zones of tables whose versions are committed atomically and never change.

    from laketrain.lake import Lake

    table = Lake("/data/lake").table("clean", "pixels")
    with table.stage() as draft:
        frame.write.parquet(draft.url("train"))
        version = draft.commit(stage="clean")
"""

from laketrain.lake.appends import appends
from laketrain.lake.draft import Draft
from laketrain.lake.fingerprint import fingerprint
from laketrain.lake.gc import GcReport, collect
from laketrain.lake.integrity import Corruption, verify
from laketrain.lake.lake import ZONES, Lake
from laketrain.lake.lease import lease
from laketrain.lake.lineage import lineage
from laketrain.lake.retention import Retention, expire, expired
from laketrain.lake.stores.store import FileInfo, Store, open_store
from laketrain.lake.table import Table
from laketrain.lake.version import DataFile, Entry, Version

__all__ = ["ZONES", "Corruption", "DataFile", "Draft", "Entry", "FileInfo", "GcReport", "Lake", "Retention", "Store",
           "Table", "Version", "appends", "collect", "expire", "expired", "fingerprint", "lease", "lineage",
           "open_store", "verify"]
