"""Translates errors of HDFS into messages with a next step, without the NameNode's Java stack.

    raise translate_error(error, "clean/pixels", "hdfs://namenode:8020/lake") from error
"""

from __future__ import annotations

import re

from laketrain.errors import LakeError

_QUOTA = ("the quota of HDFS is used up", "Free some space (laketrain gc removes abandoned data), or have the quota "
          "raised: hdfs dfsadmin -setSpaceQuota, -setQuota.")
_MESSAGES = {
    "SafeModeException": ("the NameNode is in safe mode, which allows no writes",
                          "Run again when it has left it: check with hdfs dfsadmin -safemode get; -safemode leave ends "
                          "a safe mode that an operator started."),
    "NSQuotaExceededException": _QUOTA,
    "DSQuotaExceededException": _QUOTA,
    "AccessControlException": ("HDFS denied access", "Ask its owner for access (hdfs dfs -chmod, -chown or -setfacl), "
                               "or run as another user."),
    "StandbyException": ("no NameNode of the nameservice is active",
                         "Ask an operator to activate one: hdfs haadmin -getAllServiceState, -transitionToActive."),
}
_DEFAULT = ("HDFS failed", "Check that the NameNode is reachable and that you may write there; behind a nameservice, "
              "set HADOOP_CONF_DIR.")


def translate_error(error: BaseException, path: str, root: str) -> LakeError:
    """The LakeError for an `error` of the client about `path` in the lake."""
    problem, hint = _MESSAGES.get(_java_class(error), _DEFAULT)
    return LakeError("lake", f"{path!r} in {root}", f"{problem}: {first_line(error)}", hint)


def is_of_datanodes(error: BaseException) -> bool:
    """Whether writing failed because of DataNodes. It may succeed with others, or with the same a little later."""
    return isinstance(error, OSError) or str(error).startswith("OperationFailed")


def is_starting(error: BaseException) -> bool:
    """Whether the NameNode is starting: its safe mode ends by itself."""
    return _java_class(error) == "SafeModeException" and "turned off automatically" in str(error)


def is_lost(error: BaseException) -> bool:
    """Whether the NameNode or its connection died before it replied. The operation may have succeeded."""
    return "RPC listener disconnected" in str(error)


def _java_class(error: BaseException) -> str:
    """The class of the NameNode's exception, without its package; empty for other errors."""
    match = re.match(r'RPCError\("[\w.]*?(\w+)"', str(error))
    return match[1] if match else ""


def first_line(error: BaseException) -> str:
    """The first line of its message, without the NameNode's Java stack."""
    text = re.sub(r'^RPCError\("[\w.]+", "', "", str(error))
    return re.split(r"\\n|\n", text)[0].rstrip('")') or type(error).__name__
