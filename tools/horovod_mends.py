"""What is changed in Horovod's source before it is built: each change is a text found once, and what replaces it.

    for change in MENDS: mend(source, change)

1. It does not compile against TensorFlow 2.19 or later. What fails is one source file that serves XLA operations nobody
   has asked for; it is left out.
2. Its background thread asks all ranks every millisecond whether there is something to do, by two messages to each
   neighbour. Where a rank computes on one or a few cores that takes a fifth of one of them. Here the thread sleeps
   until this rank brings a tensor, then asks at once, and every millisecond while one waits for the other ranks; with
   nothing to do it looks every 50 ms whether it shall end. Where process sets are used it stays as it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


class BuildFailed(Exception):
    """Horovod's source is not what the mends were made for."""


@dataclass(frozen=True)
class Mend:
    """In `file`, `find` stands once and becomes `put`."""

    file: str
    find: str
    put: str


TO_COMPILE = (
    Mend("horovod/tensorflow/CMakeLists.txt",
         'list(APPEND TF_SOURCES "${PROJECT_SOURCE_DIR}/horovod/tensorflow/xla_mpi_ops.cc")\n', ""),
)
"""The first alone, for who wants Horovod as it was released."""

MENDS = (
    *TO_COMPILE,
    Mend("horovod/common/tensor_queue.h", "#include <iostream>\n",
         "#include <chrono>\n#include <condition_variable>\n#include <iostream>\n"),
    Mend("horovod/common/tensor_queue.h", "  void RemoveJoinTensor();\n", """\
  void RemoveJoinTensor();

  // Returns after `cycle` where a tensor waits already, else as soon as one comes, after `idle` at the latest.
  void WaitForTensor(std::chrono::steady_clock::duration cycle, std::chrono::steady_clock::duration idle);
"""),
    Mend("horovod/common/tensor_queue.h", "  mutable std::mutex mutex_;\n", """\
  mutable std::mutex mutex_;

  // Told when a tensor comes.
  std::condition_variable came_;
"""),
    Mend("horovod/common/tensor_queue.cc", """\
  message_queue_.push(std::move(message));
  return Status::OK();
""", """\
  message_queue_.push(std::move(message));
  came_.notify_one();
  return Status::OK();
"""),
    Mend("horovod/common/tensor_queue.cc", """\
    message_queue_.push(std::move(messages[i]));
  }
  return Status::OK();
""", """\
    message_queue_.push(std::move(messages[i]));
  }
  came_.notify_one();
  return Status::OK();
"""),
    Mend("horovod/common/tensor_queue.cc", "// Remove JoinOp tensor from the table and execute the callback\n", """\
void TensorQueue::WaitForTensor(std::chrono::steady_clock::duration cycle,
                                std::chrono::steady_clock::duration idle) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (tensor_table_.empty()) {
    came_.wait_for(lock, idle, [this] { return !tensor_table_.empty(); });
  } else {
    lock.unlock();
    std::this_thread::sleep_for(cycle);
  }
}

// Remove JoinOp tensor from the table and execute the callback
"""),
    Mend("horovod/common/tensor_queue.cc", "#include <assert.h>\n", "#include <assert.h>\n#include <thread>\n"),
    Mend("horovod/common/operations.cc", """\
  if (sleep_duration > std::chrono::steady_clock::duration::zero()) {
    std::this_thread::sleep_for(sleep_duration);
  }
""", """\
  auto process_sets = state.process_set_table.Ids();
  if (process_sets.size() == 1) {
    state.process_set_table.Get(process_sets[0])
        .tensor_queue.WaitForTensor(sleep_duration, std::chrono::milliseconds(50));
  } else if (sleep_duration > std::chrono::steady_clock::duration::zero()) {
    std::this_thread::sleep_for(sleep_duration);
  }
"""),
)


def mend(source: Path, change: Mend) -> None:
    """Makes the change in Horovod's unpacked source.

    Raises:
        BuildFailed: the text is not there, or more than once.
    """
    file = source / change.file
    text = file.read_text(encoding="utf-8")
    if text.count(change.find) != 1:
        raise BuildFailed(f"{change.file} of Horovod has {text.count(change.find)} times, not once, "
                          f"{change.find.strip().splitlines()[0]!r}: another release?")
    file.write_text(text.replace(change.find, change.put), encoding="utf-8")


def fingerprint(mends: tuple[Mend, ...]) -> str:
    """Differs where the changes differ."""
    return hashlib.sha256(repr(mends).encode()).hexdigest()[:16]
