"""The storages that can hold a lake: a protocol, `Store`, and a file for each storage."""

from laketrain.lake.stores.store import FileInfo, Store, open_store

__all__ = ["FileInfo", "Store", "open_store"]
