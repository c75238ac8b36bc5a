"""A folder of photos as people have them, some fifty of them odd or damaged, from the landing zone to the dataset.

Each file becomes the pixels that Pillow by itself shows, or lies in quarantine with a reason of its own; none is lost.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version

from ..road import Quiet
from ..tables import rows_of
from .photos import seen
from .pictures import CLASSES, GOOD, Picture, folder, others

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

SIDE = 16
CONFIG = f"""\
name: photos
lake: lake
sources:
  photos: {{format: images, path: landing}}
clean:
  photos: {{max_reject_fraction: 0.2, rules: [{{allowed: {{column: folder, values: [{', '.join(CLASSES)}]}}}}]}}
convert:
  table: photos
  max_reject_fraction: 0.2
  features:
    photo: {{kind: image, column: content, encoded: true, shape: [{SIDE}, {SIDE}, 3], resize: stretch}}
    label: {{kind: label, column: folder, names: [{', '.join(CLASSES)}]}}
    path: {{kind: key}}
  split: {{by: path, fractions: {{train: 0.7, val: 0.15, test: 0.15}}}}
"""


@dataclass(frozen=True)
class Run:
    """What was landed, and the versions that were made of it."""

    files: dict[str, Picture]
    raw: Version
    clean: Version
    dataset: Dataset

    @property
    def why(self) -> dict[str, str]:
        """By path, the reason of each refused file, in whichever stage."""
        lake = self.raw.lake
        of_clean = rows_of(lake.table("quarantine", "photos").latest())
        of_convert = rows_of(lake.table("quarantine", "photos-features").latest())
        assert all(row["file"] == json.loads(row["record"])["path"] for row in of_clean)
        return {json.loads(row["record"])["path"]: row["reason"] for row in [*of_clean, *of_convert]}


@pytest.fixture(scope="module")
def run(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Run:
    from laketrain.pipeline import Pipeline

    home, files = tmp_path_factory.mktemp("photos"), folder()
    for path, picture in files.items():
        (home / "landing" / path).parent.mkdir(parents=True, exist_ok=True)
        (home / "landing" / path).write_bytes(picture.content)
    (home / "elsewhere.png").write_bytes(files["dog/001.png"].content)
    (home / "landing" / "toad" / "a link.png").symlink_to(home / "elsewhere.png")
    files["toad/a link.png"] = files["dog/001.png"]
    (home / "photos.yaml").write_text(CONFIG, "utf-8")
    pipeline = Pipeline(home / "photos.yaml", listener=Quiet(), spark=spark)
    return Run(files, pipeline.ingest()["photos"], pipeline.clean()["photos"], pipeline.convert())


def test_every_file_is_fed_or_refused_and_the_counts_add_up(run: Run) -> None:
    refused = {path: picture for path, picture in run.files.items() if picture.message is not None}
    assert (len(run.files), len(others()), len(refused)) == (GOOD + 53, 52, 29)
    assert run.raw.entry.counts["files"] == len(run.files)
    cleaned, converted = run.clean.entry.counts, run.dataset.version.entry.counts
    assert (cleaned["in"], cleaned["out"], converted["in"]) == (len(run.files), converted["in"], cleaned["out"])
    reasons = Counter(cleaned["reasons"]) + Counter(converted["reasons"])
    assert reasons == {"readable": 7, "allowed(folder)": 2, "feature(photo)": 20}
    assert sum(reasons.values()) == cleaned["quarantined"] + converted["quarantined"] == len(refused)
    assert sum(run.dataset.splits.values()) == converted["out"] == len(run.files) - len(refused)


def test_each_refused_file_is_named_with_a_reason_of_its_own(run: Run) -> None:
    assert run.why.keys() == {path for path, picture in run.files.items() if picture.message is not None}
    for path, reason in run.why.items():
        assert reason.startswith(run.files[path].message or ""), path
        assert " at 0x" not in reason, "a reason is the same in every run"


def test_each_other_file_becomes_what_pillow_shows(run: Run) -> None:
    fed = 0
    for split, rows in run.dataset.splits.items():
        sample = run.dataset.sample(split, rows)
        for path, photo, label in zip(sample["path"], sample["photo"], sample["label"], strict=True):
            assert CLASSES[label] == Path(path).parts[0]
            np.testing.assert_array_equal(photo, seen(run.files[path].content, SIDE), err_msg=path)
            fed += 1
    assert fed == sum(picture.message is None for picture in run.files.values())


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    from laketrain.config.sources import FileSource
    from laketrain.errors import DataError
    from laketrain.ingest import ingest, plan_ingest

    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source = FileSource.model_validate({"format": "images", "path": str(tmp_path / "landing")})
    with pytest.raises(DataError, match="gone.png"):
        plan, key = plan_ingest("photos", source)
        ingest(Lake(str(tmp_path / "lake")), "photos", plan, key)
