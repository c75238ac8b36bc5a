"""A small lake with a version of each stage of a run, made in a second and without Spark."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.features import FeatureSet
from laketrain.lake import Draft, Lake, Version
from laketrain.pipeline.stages import in_order
from laketrain.stages import Outcome, RunRecord
from laketrain.workload import Workload

SPLITS = {"train": 60, "val": 9, "test": 12}
REJECTED = [("length(pixels)", "a.csv", 4), ("length(pixels)", "b.csv", 3), ("not_null(id)", "b.csv", 2)]
ROWS_IN = 90
MISTAKES = [(3, 0, 2), (7, 1, 0), (10, 2, 1)]
SECONDS = {"ingest": 0.5, "clean": 2.0, "convert": 4.0, "train": 75.0, "evaluate": 3.0, "predict": 1.5}


@dataclass(frozen=True)
class Built:
    """The lake and the record of the run that made all of it."""

    lake: Lake
    record: RunRecord

    def version(self, stage: str) -> Version:
        return next(outcome.version for outcome in self.record.outcomes if outcome.stage == stage)

    def upto(self, stage: str, failure: Any = None) -> RunRecord:
        """The record as of a run that ended with `stage`."""
        stages = list(SECONDS)
        outcomes = tuple(outcome for outcome in self.record.outcomes
                         if stages.index(outcome.stage) <= stages.index(stage))
        return replace(self.record, outcomes=outcomes, failure=failure)


def workload(lake: str, word: str = "calm", **more: Any) -> Workload:
    """A checked workload with `word` in all its free texts."""
    return Workload.model_validate({
        "name": "shapes", "lake": lake, "variables": {"note": word},
        "sources": {"pixels": {"format": "csv", "path": f"/landing/{word}/*.csv",
                               "schema": {"id": "string", "pixels": "string", "label": "int"}}},
        "clean": {"pixels": {"max_reject_fraction": 0.2, "rules": [
            {"not_null": {"columns": ["id"]}}, {"length": {"column": "pixels", "equals": 48}},
            {"allowed": {"column": "label", "values": [word, 1]}}, {"range": {"column": "label", "min": 0.0}}]}},
        "convert": {"table": "pixels", "dataset": "shapes", "split": {"by": "id", "fractions": {"train": 1.0}},
                    "features": {"image": {"kind": "image", "column": "pixels", "shape": [4, 4, 3]}}},
        "train": {"model": {"use": "shapes:net", "settings": {"comment": word}}, "epochs": 3},
        "evaluate": {"gate": {"accuracy": ">= 0.7", "loss": "<= 1.5"}},
        "predict": {"table": "pixels"}, **more})


def build(root: Path, word: str = "calm", classes: int = 3, epochs: int = 3) -> Built:
    """A whole run; `word` is in all names from data and users: classes, files, reasons, metrics, ids."""
    lake = Lake(root / "lake")
    names = [f"{word} {index}" for index in range(classes)]
    raw = commit(lake, "raw/pixels", "ingest", [], {"a.csv": b"id,pixels,label\n", "b.csv": b""},
                 counts={"files": 2, "bytes": 16})
    quarantined = sum(rows for *_, rows in REJECTED)
    by = [{"rule": f"{rule} {word}", "file": f"{word}-{file}", "rows": rows} for rule, file, rows in REJECTED]
    quarantine = commit(lake, "quarantine/pixels", "clean", [raw], {"part-0.parquet": rejects(by, word)},
                        counts={"quarantined": quarantined, "by": by})
    rows_out = ROWS_IN - quarantined
    clean = commit(lake, "clean/pixels", "clean", [raw],
                   {"part-0.parquet": parquet(pa.table({"id": [f"r{i}" for i in range(rows_out)]}))},
                   counts={"in": ROWS_IN, "out": rows_out, "quarantined": quarantined},
                   meta={"quarantine": quarantine.number})
    features = dataset(lake, clean, names, word)
    model = commit(lake, "models/shapes", "train", [features], {"model.keras": b"weights"},
                   counts={"rows": SPLITS["train"], "epochs": epochs, "parameters": 1234567},
                   meta={"history": history(epochs, word), "weights": "0123456789abcdef", "restarts": 1,
                         "best": {"epoch": epochs, "monitor": "val_loss", "value": 0.125, "keep": "best"},
                         "ranks": [{"rank": 0, "where": "node-7", "waiting_s": 1.0, "computing_s": 37.0,
                                     "averaging_s": 2.0},
                                   {"rank": 1, "waiting_s": 4.0, "computing_s": 34.0, "averaging_s": 2.0}],
                         "config": {"model": {"name": word}, "batch": 64, "ranks": {"min": 2, "max": 2}, "seed": 7}})
    evaluation = commit(lake, "runs/shapes-evaluation", "evaluate", [features, model], {},
                        counts={"rows": SPLITS["test"]}, meta=scores(names, word))
    predictions = commit(lake, "predictions/pixels", "predict", [clean, model],
                         {"part-0.parquet": parquet(pa.table({"class": [0] * rows_out}))},
                         counts={"in": rows_out, "out": rows_out, "quarantined": 0,
                                 "classes": {names[0]: rows_out - 20, names[1]: 20}})
    made = {"ingest": raw, "clean": clean, "convert": features, "train": model, "evaluate": evaluation,
            "predict": predictions}
    outcomes = tuple(Outcome(stage, version, stage == "ingest", SECONDS[stage]) for stage, version in made.items())
    began = datetime(2026, 3, 9, 14, 5, tzinfo=timezone.utc)
    return Built(lake, RunRecord(workload(lake.url, word), f"conf/{word}.yaml", in_order(), began, 86.0, outcomes))


def commit(lake: Lake, table: str, stage: str, parents: Sequence[Version], files: dict[str, bytes],
           **fields: Any) -> Version:
    """Commits a version of `table` with these files."""
    zone, _, name = table.partition("/")
    with lake.table(zone, name).stage() as draft:
        for path, content in files.items():
            lake.store.write(draft.path(path), content)
        return _committed(draft, stage, parents, **fields)


def _committed(draft: Draft, stage: str, parents: Sequence[Version], **fields: Any) -> Version:
    return draft.commit(stage=stage, parents={parent.table: parent.number for parent in parents},
                        fingerprint=f"{stage:0<64}", **fields)


def dataset(lake: Lake, table: Version, names: list[str], word: str) -> Version:
    """Three splits of pictures whose row i is of class i modulo the classes."""
    features = FeatureSet.model_validate({"image": {"kind": "image", "column": "pixels", "shape": [4, 4, 3]},
                                          "label": {"kind": "label", "names": names}, "id": {"kind": "key"}})
    files = {}
    for split, rows in SPLITS.items():
        numbers = np.arange(rows)
        pixels = np.random.default_rng(rows).integers(0, 256, (rows, 48))
        batch = pa.table({"pixels": pa.array(pixels.tolist()), "label": [names[i % len(names)] for i in numbers],
                          "id": [f"{split} {word} {i}" for i in numbers]})
        stored, refused = features.encode_batch(batch)
        assert refused.null_count == rows
        files[f"{split}/part-00000.parquet"] = parquet(stored)
    total = sum(SPLITS.values())
    return commit(lake, "features/shapes", "convert", [table], files,
                  meta={"features": features.model_dump(mode="json")},
                  counts={"in": total, "out": total, "quarantined": 0, "splits": SPLITS})


def history(epochs: int, word: str) -> list[dict[str, Any]]:
    return [{"epoch": epoch, "loss": 1.0 / epoch, word: 0.5 + epoch / 100, "val_loss": 1.5 / epoch, "seconds": 25.0,
             "rows_per_s": 1200.0} for epoch in range(1, epochs + 1)]


def scores(names: list[str], word: str) -> dict[str, Any]:
    """An evaluation's meta: correct except for MISTAKES."""
    classes = len(names)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (np.arange(SPLITS["test"]) % classes, np.arange(SPLITS["test"]) % classes), 1)
    for _, true, predicted in MISTAKES:
        confusion[true, true] -= 1
        confusion[true, predicted] += 1
    per_class = [{"label": name, "precision": 0.5, "recall": 0.25 + index / 100, "f1": 0.75, "rows": 4}
                 for index, name in enumerate(names)]
    return {"split": "test", "labels": names, "confusion": confusion.tolist(),
            "baselines": {word: 0.41, "majority": 0.33},
            "metrics": {"accuracy": 0.75, "macro_f1": 0.7321, "loss": 0.9876, "classes": per_class},
            "mistakes": [{"row": row, "true": true, "predicted": predicted, "probability": 0.87, "loss": 2.0}
                         for row, true, predicted in MISTAKES]}


def rejects(by: list[dict[str, Any]], word: str) -> bytes:
    rows = [{"file": count["file"], "rule": count["rule"], "reason": f"reason {word}", "record": f'{{"id": "{word}"}}'}
            for count in by for _ in range(count["rows"])]
    return parquet(pa.Table.from_pylist(rows))


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()
