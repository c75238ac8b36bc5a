"""Errors of HDFS have a message and a next step."""

from __future__ import annotations

import pytest

from laketrain.lake.stores.hdfs_errors import (
    first_line,
    is_lost,
    is_of_datanodes,
    is_starting,
    translate_error,
)


def rpc(name: str, message: str) -> Exception:
    return RuntimeError(f'RPCError("org.apache.hadoop.{name}", "{message}\\n\\tat org.apache.hadoop.Stack")')


@pytest.mark.parametrize(("name", "problem"), [
    ("hdfs.server.namenode.SafeModeException", "safe mode"),
    ("hdfs.protocol.DSQuotaExceededException", "quota"), ("security.AccessControlException", "denied access"),
    ("ipc.StandbyException", "no NameNode"), ("Other", "HDFS failed")])
def test_an_exception_of_the_namenode_is_explained_without_its_stack(name: str, problem: str) -> None:
    error = translate_error(rpc(name, "the reason"), "clean/a", "hdfs://nn/lake")
    assert error.subject == "'clean/a' in hdfs://nn/lake"
    assert problem in error.problem
    assert error.problem.endswith("the reason")
    assert error.hint


def test_errors_that_may_succeed_later_are_recognised() -> None:
    assert is_starting(rpc("hdfs.SafeModeException", "it will be turned off automatically"))
    assert not is_starting(rpc("hdfs.SafeModeException", "an operator started it"))
    assert is_of_datanodes(RuntimeError("OperationFailed: no nodes")) and is_of_datanodes(OSError())
    assert is_lost(RuntimeError("RPC listener disconnected")) and not is_lost(RuntimeError("other"))


def test_an_error_without_a_message_has_its_class() -> None:
    assert first_line(ValueError()) == "ValueError"
