"""Sources on HDFS: found by name and wildcard, told apart when they change, refused in words."""

from __future__ import annotations

import uuid

import pytest

from cluster import Cluster
from laketrain.clean.reading.raw_files import raw_files
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.ingest import ingest, plan_ingest
from laketrain.ingest.listing import list_source
from laketrain.lake import Lake, Store, open_store

pytestmark = pytest.mark.cluster


@pytest.fixture
def landing(cluster: Cluster) -> Store:
    """A folder on HDFS with two files."""
    store = open_store(f"{cluster.hdfs}/{uuid.uuid4().hex}/Ablage é")
    store.write("day/a1.csv", b"id\n1\n")
    store.write("day/a22.csv", b"id\n2\n")
    return store


def source(landing: Store, path: str) -> FileSource:
    return FileSource.model_validate({"format": "csv", "path": landing.url(path), "schema": {"id": "string"}})


def source_at(landing: Store, pattern: str) -> FileSource:
    return source(landing, "day").model_copy(update={"path": f"{landing.url('day')}/{pattern}"})


@pytest.mark.parametrize(("pattern", "names"), [("*.csv", ["a1.csv", "a22.csv"]), ("a?.csv", ["a1.csv"]),
                                                ("?1.csv", ["a1.csv"])])
def test_wildcards_match_as_on_a_local_disk(landing: Store, pattern: str, names: list[str]) -> None:
    landing.write("day/a/other.csv", b"id\n3\n")  # `?` begins no query, before which `day/a` would be asked for
    assert [file.name for file in list_source("scans", source_at(landing, pattern)).files] == names


def test_names_with_characters_of_a_web_address_are_names(landing: Store) -> None:
    names = ["k=a/1.csv", "k=a?/1.csv", "k=a#b/1.csv", "k=a;b/1;2.csv", "k=[a%5B]/1.csv"]
    for name in names:
        landing.write(f"marks/{name}", name.encode())
    plan, key = plan_ingest("scans", source(landing, "marks"))
    version = ingest(Lake(landing.url("lake")), "scans", plan, key)
    assert sorted(file.url.removeprefix(plan.listing.base) for file in plan.files) == sorted(names)
    landed = {file.original: file.open().read().decode() for file in raw_files(version)}
    assert landed == {name: name for name in names}


def test_a_changed_file_of_the_same_size_is_detected(landing: Store) -> None:
    before = list_source("scans", source(landing, "day")).files
    landing.delete("day/a1.csv")
    landing.write("day/a1.csv", b"id\n9\n")
    after = list_source("scans", source(landing, "day")).files
    assert [file.size for file in after] == [file.size for file in before]
    assert [file.changed != earlier.changed for file, earlier in zip(after, before, strict=True)] == [True, False]


def test_an_unreadable_folder_is_named(landing: Store, cluster: Cluster,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    from hdfs_native import Client

    from laketrain.lake.stores import remote

    Client(cluster.hdfs).set_permission("/" + landing.url("day").split("/", 3)[3], 0o700)
    monkeypatch.setenv("HADOOP_USER_NAME", "somebody")
    remote._hdfs_filesystem.cache_clear()
    try:
        with pytest.raises(DataError, match="can't be listed: Permission denied: user=somebody") as caught:
            list_source("scans", source_at(landing, "*.csv"))
    finally:
        remote._hdfs_filesystem.cache_clear()
    assert landing.root in str(caught.value)
