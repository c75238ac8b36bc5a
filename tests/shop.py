"""A table of goods in a lake: texts of several lengths, a number and a category, and a target of each kind.

    dataset = commit_shop(spark, Lake(tmp_path))        # features/shop@1, by the real convert
    model = commit_shop_model(dataset)                  # models/shop@1, with initial weights
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.workload import Convert

from .tables import commit_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SORTS, TAGS = ("fruit", "tool"), ("new", "sale", "heavy")
COLUMNS = ("id string, title string, size double, shop string, sort string, tags array<string>, cost double, "
           "weight double")
DECLARED: dict[str, Any] = {
    "title": {"kind": "text", "buckets": [2, 8], "minimum_count": 1},
    "size": {"kind": "number"},
    "shop": {"kind": "category"},
    "sort": {"kind": "label", "names": list(SORTS)},
    "tags": {"kind": "multilabel", "names": list(TAGS)},
    "price": {"kind": "value", "columns": ["cost", "weight"], "scale": "standard"},
    "id": {"kind": "key"},
}
TARGETS = ("sort", "tags", "price")


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Goods whose words, shop and size correlate with their targets."""
    random = np.random.default_rng(seed)
    words = np.array(["red", "round", "sweet", "steel", "long", "sharp"])
    result = []
    for number in range(count):
        sort = int(random.integers(2))
        title = " ".join(words[random.integers(3 * sort, 3 * sort + 3, random.integers(1, 7))])
        size = float(random.normal(sort))
        tags = [tag for tag in TAGS if random.random() < 0.4]
        result.append({"id": f"good {number}", "title": title, "size": size, "shop": "ab"[int(random.integers(2))],
                      "sort": SORTS[sort], "tags": tags, "cost": 100 + 20 * size, "weight": float(random.random())})
    return result


def commit_shop(spark: SparkSession, lake: Lake, targets: tuple[str, ...] = TARGETS) -> Version:
    """`features/shop` with 120 goods, of `integrated/goods`, with only these targets."""
    from laketrain.convert import convert, fingerprint_convert

    declared = {name: feature for name, feature in DECLARED.items() if name not in TARGETS or name in targets}
    table = commit_table(lake, "goods", rows(120), COLUMNS, zone="integrated")
    config = Convert.model_validate({"table": "goods", "features": declared,
                                     "split": {"by": "id", "fractions": {"train": 0.7, "test": 0.3}}})
    return convert(spark, table, "shop", config, fingerprint_convert(table, config))


def commit_shop_model(dataset: Version) -> Version:
    """`models/shop` with initial weights."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    from laketrain.models import parse_model

    keras.utils.set_random_seed(1)
    model = parse_model({"name": "text", "embedding": 4}).build(Dataset(dataset).features)
    with dataset.lake.table("models", "shop").stage() as draft, tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        dataset.lake.store.put(f"{folder}/model.keras", draft.path("model.keras"))
        return draft.commit(stage="train", fingerprint=f"model of {dataset.ref}",
                            parents={dataset.table: dataset.number}, meta={"features": dataset.entry.meta["features"]})
