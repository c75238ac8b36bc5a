from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest

from laketrain.errors import LakeError, StorageError
from laketrain.lake import Lake, Store, open_store

from ..s3_server import BUCKET, Flaky, s3_server
from ..writers import commit


def test_a_server_that_ignores_the_condition_is_refused_before_the_first_commit() -> None:
    with s3_server(conditional=False):
        lake = Lake(f"s3://{BUCKET}/ignoring")
        with pytest.raises(LakeError, match="ignores 'If-None-Match"):
            commit(lake.table("clean", "pixels"))
        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="ignoring/")


def test_a_missing_bucket_is_named(bucket: str) -> None:
    with pytest.raises(LakeError, match="the bucket 'no-such-bucket' does not exist"):
        open_store("s3://no-such-bucket/lake").create("a", b"")


@pytest.mark.parametrize("ask", [
    lambda store: store.read("a"), lambda store: store.open("a"), lambda store: store.list("a"),
    lambda store: store.dirs("a"), lambda store: store.exists("a"), lambda store: store.delete("a"),
    lambda store: store.create("a", b""), lambda store: store.write("a", b""), lambda store: store.move("a", "b"),
    lambda store: store.get("a", "/tmp"), lambda store: store.put(__file__, "a")])
def test_an_unreachable_server_is_reported_by_every_operation(
        monkeypatch: pytest.MonkeyPatch, ask: Callable[[Store], object]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match=r"can't be reached: .*127\.0\.0\.1:9.*Next: Check AWS_ENDPOINT_URL"):
        ask(open_store(f"s3://{BUCKET}/away"))


def test_listing_a_missing_bucket_is_an_error_and_not_empty(bucket: str) -> None:
    with pytest.raises(LakeError, match="the bucket 'no-such-bucket' does not exist"):
        Lake("s3://no-such-bucket/lake").table("clean", "pixels").latest()


def test_with_a_flaky_server_nothing_is_lost_and_each_version_has_one_writer() -> None:
    with s3_server(flaky=(flaky := Flaky(every=3))):
        table = Lake(f"s3://{BUCKET}/flaky").table("clean", "pixels")
        assert [commit(table) for _ in range(3)] == table.versions() == [1, 2, 3]
    assert {500, 503} <= set(flaky.statuses)


def test_a_put_that_succeeded_with_an_error_reply_is_ours() -> None:
    with s3_server(flaky=(flaky := Flaky(every=1_000_000))):
        store = open_store(f"s3://{BUCKET}/lost")
        store.create("first", b"")  # here the server's conditions are tested
        flaky.every, flaky.asked, flaky.statuses = 100, 99, [503]
        store.create("log/1", b"ours")
        assert flaky.statuses == [503, 500]
        with pytest.raises(FileExistsError):
            store.create("log/1", b"ours")
        assert store.read("log/1") == b"ours"


def test_a_server_that_always_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3_server(flaky=(flaky := Flaky(every=1_000_000))):
        store = open_store(f"s3://{BUCKET}/failing")
        store.create("first", b"")
        flaky.every = 1
        with pytest.raises(LakeError, match=r"its server fails repeatedly.*Run again later"):
            store.create("log/1", b"ours")


def test_sparks_directory_objects_are_not_files(bucket: str) -> None:
    store = open_store(f"{bucket}/marks")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="marks/d/sub/", Body=b"")
    store.write("d/sub/x", b"1")
    assert [file.path for file in store.list("d", recursive=True)] == ["d/sub/x"]
    assert store.dirs("d") == ["sub"]
    store.delete("d")
    assert not store.exists("d")


def test_the_test_of_conditional_writes_leaves_no_files(bucket: str) -> None:
    store = open_store(f"{bucket}/probed")
    store.create("a/b", b"1")
    objects = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="probed/")["Contents"]
    assert [item["Key"] for item in objects] == ["probed/a/b"]
