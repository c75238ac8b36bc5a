"""Logs a training as a TensorBoard event file: a scalar a metric and epoch, the settings and the lineage as text.

    tracker = TensorBoardTracker(TensorBoard(), lake)       # runs/<name>-tensorboard/<when it started>/
    tracker.start(run); tracker.epoch(1, {"loss": 0.3}); tracker.finish(ending)

The package tensorboard writes the records, without TensorFlow, whose import takes seconds. On a storage that can't
append (S3) the file is written again each epoch: it has only some bytes a metric and epoch.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from laketrain.config.track import TensorBoard
from laketrain.lake import Lake
from laketrain.track.run import Ending, RunFacts


class TensorBoardTracker:
    """One event file. Raises what the storage raises."""

    def __init__(self, config: TensorBoard, lake: Lake) -> None:
        self._config, self._lake = config, lake
        self._events = io.BytesIO()
        self._path = ""
        self._written = 0
        self._storage: Any = None

    def start(self, run: RunFacts) -> None:
        from laketrain.lake.stores.remote import filesystem_of

        folder = self._config.folder or _joined(self._lake.url, "runs", f"{run.name}-tensorboard")
        self._storage, path = filesystem_of(folder)
        self._path = _joined(path, f"{run.started:%Y%m%dT%H%M%S.%fZ}",
                              f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}")
        self._storage.makedirs(self._path.rpartition("/")[0], exist_ok=True)
        self._add(file_version="brain.Event:2")
        self._add(summary=_text("settings", f"```yaml\n{run.config}```"))
        self._add(summary=_text("lineage", _table(run.tags)))
        self._save()

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=_tag(name), simple_value=value) for name, value in metrics.items()]
        self._add(step=number, summary=Summary(value=values))
        self._save()

    def finish(self, ending: Ending) -> None:
        if not self._path:
            return  # it never started
        self._add(summary=_text("outcome", _table({"status": ending.status, **ending.tags})))
        self._save()

    def _add(self, **event: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        RecordWriter(self._events).write(Event(wall_time=time.time(), **event).SerializeToString())

    def _save(self) -> None:
        """Writes the added records; a local file grows, so that readers can follow it."""
        written = self._events.getvalue()
        if "file" in _protocols(self._storage):
            with self._storage.open(self._path, "ab") as file:
                file.write(written[self._written :])
        else:
            self._storage.pipe_file(self._path, written)
        self._written = len(written)


def _protocols(storage: Any) -> tuple[str, ...]:
    return (storage.protocol,) if isinstance(storage.protocol, str) else tuple(storage.protocol)


def _tag(metric: str) -> str:
    """Tags as those of Keras' callback, which group `loss` of train and validation."""
    name = metric.removeprefix("val_")
    return f"{name}/{'validation' if metric.startswith('val_') else 'train'}"


def _text(tag: str, text: str) -> Any:
    """A summary that TensorBoard's text tab shows as Markdown."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def _table(rows: Mapping[str, str]) -> str:
    return "\n".join(["| name | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _joined(*parts: str) -> str:
    return "/".join([parts[0].rstrip("/"), *parts[1:]])
