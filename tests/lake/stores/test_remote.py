"""File systems of URLs outside the lake."""

from __future__ import annotations

from pathlib import Path

from laketrain.lake.stores.remote import _strip_protocol, filesystem_of


def test_a_local_url_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    filesystem, path = filesystem_of(f"file://{tmp_path}/a.txt")
    assert filesystem.cat(path) == b"x"


def test_names_on_hdfs_may_have_characters_of_a_web_address() -> None:
    for name in ("a?b", "a#b", "a;b", "a b"):
        assert _strip_protocol(f"hdfs://namenode:8020/in/{name}") == f"/in/{name}"
        assert _strip_protocol(f"/in/{name}") == f"/in/{name}"
    assert _strip_protocol("hdfs://namenode") == "/"
