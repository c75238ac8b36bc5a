from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest

from laketrain.errors import LakeError, StorageError
from laketrain.lake import Lake, Store, open_store

from ..servers import BUCKET, Moody, s3_server
from ..writers import commit


def test_a_server_that_ignores_the_condition_is_refused_before_the_first_commit() -> None:
    with s3_server(conditional=False):
        lake = Lake(f"s3://{BUCKET}/ignoring")
        with pytest.raises(LakeError, match="ignores 'If-None-Match"):
            commit(lake.table("clean", "pixels"))
        assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="ignoring/")


def test_an_absent_bucket_is_named(bucket: str) -> None:
    with pytest.raises(LakeError, match="the bucket 'no-such-bucket' does not exist"):
        open_store("s3://no-such-bucket/lake").create("a", b"")


@pytest.mark.parametrize("ask", [
    lambda store: store.read("a"), lambda store: store.open("a"), lambda store: store.list("a"),
    lambda store: store.dirs("a"), lambda store: store.exists("a"), lambda store: store.delete("a"),
    lambda store: store.create("a", b""), lambda store: store.write("a", b""), lambda store: store.move("a", "b"),
    lambda store: store.get("a", "/tmp"), lambda store: store.put(__file__, "a")])
def test_a_server_that_is_away_is_told_in_words_whatever_is_asked(
        monkeypatch: pytest.MonkeyPatch, ask: Callable[[Store], object]) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match=r"can't be asked: .*127\.0\.0\.1:9.*Next: Check AWS_ENDPOINT_URL"):
        ask(open_store(f"s3://{BUCKET}/away"))


def test_in_a_bucket_that_is_absent_there_is_not_merely_nothing(bucket: str) -> None:
    with pytest.raises(LakeError, match="the bucket 'no-such-bucket' does not exist"):
        Lake("s3://no-such-bucket/lake").table("clean", "pixels").latest()


def test_a_server_that_fails_now_and_then_loses_nothing_and_gives_each_version_one_winner() -> None:
    with s3_server(moody=(moody := Moody(every=3))):
        table = Lake(f"s3://{BUCKET}/moody").table("clean", "pixels")
        assert [commit(table) for _ in range(3)] == table.versions() == [1, 2, 3]
    assert {500, 503} <= set(moody.told)


def test_a_put_that_was_done_and_answered_by_an_error_is_ours() -> None:
    with s3_server(moody=(moody := Moody(every=1_000_000))):
        store = open_store(f"s3://{BUCKET}/lost")
        store.create("first", b"")  # the server's conditions are tried out here
        moody.every, moody.asked, moody.told = 100, 99, [503]
        store.create("log/1", b"ours")
        assert moody.told == [503, 500]
        with pytest.raises(FileExistsError):
            store.create("log/1", b"ours")
        assert store.read("log/1") == b"ours"


def test_a_server_that_only_fails_is_named() -> None:
    with s3_server(moody=(moody := Moody(every=1_000_000))):
        store = open_store(f"s3://{BUCKET}/failing")
        store.create("first", b"")
        moody.every = 1
        with pytest.raises(LakeError, match=r"its server fails, again and again.*Run again later"):
            store.create("log/1", b"ours")


def test_marks_of_directories_that_spark_makes_are_no_files(bucket: str) -> None:
    store = open_store(f"{bucket}/marks")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="marks/d/sub/", Body=b"")
    store.write("d/sub/x", b"1")
    assert [file.path for file in store.list("d", recursive=True)] == ["d/sub/x"]
    assert store.dirs("d") == ["sub"]
    store.delete("d")
    assert not store.exists("d")


def test_the_probe_leaves_nothing(bucket: str) -> None:
    store = open_store(f"{bucket}/probed")
    store.create("a/b", b"1")
    found = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="probed/")["Contents"]
    assert [item["Key"] for item in found] == ["probed/a/b"]
