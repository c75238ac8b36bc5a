"""What HDFS refuses, in words: who must do what, instead of a NameNode's Java stack.

    raise refused(error, "clean/pixels", "hdfs://namenode:8020/lake") from error
"""

from __future__ import annotations

import re

from laketrain.errors import LakeError

_QUOTA = ("the quota of HDFS is used up", "Free some space (laketrain gc removes abandoned data), or have the quota "
          "raised: hdfs dfsadmin -setSpaceQuota, -setQuota.")
_TEACH = {
    "SafeModeException": ("the NameNode is in safe mode, in which nothing can be written",
                          "Run again when it has left it: hdfs dfsadmin -safemode get tells, and -safemode leave ends "
                          "one that an operator began."),
    "NSQuotaExceededException": _QUOTA,
    "DSQuotaExceededException": _QUOTA,
    "AccessControlException": ("HDFS denied access", "Have its owner let you in (hdfs dfs -chmod, -chown or -setfacl), "
                               "or run as another user."),
    "StandbyException": ("no NameNode of the nameservice is active",
                         "Have an operator make one so: hdfs haadmin -getAllServiceState, -transitionToActive."),
}
_OTHERWISE = ("HDFS failed", "Check that the NameNode is reachable and that you may write there; behind a nameservice, "
              "set HADOOP_CONF_DIR.")


def refused(error: BaseException, path: str, root: str) -> LakeError:
    """The error of ours that says what `error`, of the client, means for `path` in the lake."""
    problem, hint = _TEACH.get(_java_class(error), _OTHERWISE)
    return LakeError("lake", f"{path!r} in {root}", f"{problem}: {first_line(error)}", hint)


def is_of_datanodes(error: BaseException) -> bool:
    """Whether a file could not be written because of its DataNodes: others, or the same a little later, may do."""
    return isinstance(error, OSError) or str(error).startswith("OperationFailed")


def is_starting(error: BaseException) -> bool:
    """Whether a NameNode that starts said it: it is in a safe mode that ends by itself."""
    return _java_class(error) == "SafeModeException" and "turned off automatically" in str(error)


def is_lost(error: BaseException) -> bool:
    """Whether the NameNode died, or its connection did, before it answered: it may have done what was asked."""
    return "RPC listener disconnected" in str(error)


def _java_class(error: BaseException) -> str:
    """The NameNode's exception, without its package; empty where it is not one of its."""
    found = re.match(r'RPCError\("[\w.]*?(\w+)"', str(error))
    return found[1] if found else ""


def first_line(error: BaseException) -> str:
    """Of its message, without the Java stack that a NameNode sends with it."""
    text = re.sub(r'^RPCError\("[\w.]+", "', "", str(error))
    return re.split(r"\\n|\n", text)[0].rstrip('")') or type(error).__name__
