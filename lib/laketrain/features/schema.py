"""The features of a dataset, by name: declared in YAML, saved as JSON beside the data, the same in convert and predict.

    features = FeatureSet.model_validate({"image": {"kind": "image", "column": "pixels", "shape": [28, 28, 1]},
                                          "label": {"kind": "label", "classes": 10}})
    stored, reasons = features.encode_batch(batch)        # good rows as Parquet stores them; why the others are not
    tensors = features.tensors(stored, features.inputs)   # {"image": (n, 28, 28, 1) uint8}

A new kind of feature is a file of its own and a line in `AnyFeature`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ConfigDict, Field, RootModel, model_validator

from laketrain.errors import DataError, nearest
from laketrain.features.audio import Audio
from laketrain.features.base import Feature, Role, Storage
from laketrain.features.bucket import Bucket
from laketrain.features.category import Category
from laketrain.features.image import Image
from laketrain.features.key import Key
from laketrain.features.label import Label
from laketrain.features.multilabel import Multilabel
from laketrain.features.number import Number
from laketrain.features.sequence import Sequence
from laketrain.features.tally import merge
from laketrain.features.text import Text
from laketrain.features.vector import Value, Vector
from laketrain.features.weight import Weight

AnyFeature = Annotated[
    Image | Label | Key | Audio | Text | Category | Number | Bucket | Vector | Sequence | Value | Multilabel | Weight,
    Field(discriminator="kind")]

# Petastorm makes a named tuple of them.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class FeatureSet(RootModel[dict[str, AnyFeature]]):
    """Ordered features by the name of their stored column. A feature that names no `column` comes from its namesake."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _columns_default_to_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"column": name, **spec} if isinstance(spec, dict) else spec for name, spec in value.items()}

    @model_validator(mode="after")
    def _well_named(self) -> FeatureSet:
        if not self.root:
            raise ValueError("declare at least one feature")
        for name in self.root:
            if not _NAME.fullmatch(name) or keyword.iskeyword(name):
                raise ValueError(f"{name!r} can't name a feature: use a letter, then letters, digits and _, "
                                 "and no word of Python")
        weights = [name for name, feature in self.root.items() if feature.role == "weight"]
        if len(weights) > 1:
            raise ValueError(f"{' and '.join(weights)} both are weights, of which a row has one")
        bucketed = [name for name, feature in self.root.items() if feature.buckets]
        if len(bucketed) > 1:
            raise ValueError(f"{' and '.join(bucketed)} both have buckets, which only one feature may: a batch has the "
                             "length of one bucket. Give the others one fixed length")
        return self

    @classmethod
    def of(cls, features: Mapping[str, Feature]) -> FeatureSet:
        """A set of features that are parsed already, e.g. some of another set."""
        return cls.model_construct(root={name: cast(Any, feature) for name, feature in features.items()})

    def declared(self) -> dict[str, dict[str, Any]]:
        """What a workload's YAML declares: the settings that were given, without a column of the feature's own name."""
        given = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {name: {key: value for key, value in settings.items() if (key, value) != ("column", name)}
                for name, settings in given.items()}

    def to_json(self) -> str:
        """As saved in a version; `from_json` gives an equal set."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> FeatureSet:
        """The set that `to_json` saved."""
        return cls.model_validate_json(text)

    def __getitem__(self, name: str) -> Feature:
        if name not in self.root:
            raise DataError("features", f"feature {name!r}", "is not declared", nearest(name, self.root))
        return self.root[name]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return iter(self.root)

    def __len__(self) -> int:
        return len(self.root)

    def items(self) -> Iterable[tuple[str, Feature]]:
        """Name and feature, in order of declaration."""
        return self.root.items()

    def of_role(self, role: Role) -> dict[str, Feature]:
        """The features that play this part, in order."""
        return {name: feature for name, feature in self.items() if feature.role == role}

    @property
    def inputs(self) -> dict[str, Feature]:
        """What the model sees."""
        return self.of_role("input")

    @property
    def targets(self) -> dict[str, Feature]:
        """What the model is to say."""
        return self.of_role("target")

    @property
    def ids(self) -> dict[str, Feature]:
        """What rows are called."""
        return self.of_role("id")

    @property
    def weight(self) -> str | None:
        """By what a row's figures are multiplied; None where each counts alike."""
        return next(iter(self.of_role("weight")), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table, that the features are made of, each once."""
        return tuple(dict.fromkeys(column for _, feature in self.items() for column in feature.columns))

    @property
    def buckets(self) -> tuple[int, ...]:
        """The lengths by which rows are kept apart; () where no feature has any."""
        return next((feature.buckets for _, feature in self.items() if feature.buckets), ())

    def bucket_of(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """(n,) the index in `buckets` of each good row: of the feature that has them."""
        for _, feature in self.items():
            if feature.buckets:
                return feature.bucket_of(source_column(batch, feature))
        return np.zeros(batch.num_rows, np.int64)

    def at(self, bucket: int) -> FeatureSet:
        """The features as the rows of this bucket hold them."""
        return FeatureSet.of({name: feature.at(bucket) for name, feature in self.items()})

    @property
    def storage(self) -> dict[str, Storage]:
        """The stored columns in plain values."""
        return {name: feature.storage(name) for name, feature in self.items()}

    def storage_schema(self) -> pa.Schema:
        """Of the table that `encode_batch` gives and Parquet holds."""
        return pa.schema([pa.field(name, feature.arrow_type, nullable=False) for name, feature in self.items()])

    def row_bytes(self, names: Iterable[str] | None = None) -> int:
        """Memory of one decoded row of these features (all, if not named)."""
        return sum(self[name].row_bytes for name in (self if names is None else names))

    def encode_batch(self, batch: pa.RecordBatch | pa.Table) -> tuple[pa.Table, pa.Array]:
        """Splits rows into what can be stored and why the rest can't.

        Returns:
            The good rows as `storage_schema` has them, in order; and, for every row of the batch, null or the
            reason(s): `image has 783 values, expected 784 = 28×28×1; label is null`.

        Raises:
            DataError: a column is absent, or its type can't hold the feature.
        """
        pieces = [self._encode(piece) for piece in (batch.to_batches() if isinstance(batch, pa.Table) else [batch])]
        if not pieces:
            return self.storage_schema().empty_table(), pa.nulls(0, pa.string())
        return pa.concat_tables([table for table, _ in pieces]), pa.concat_arrays([why for _, why in pieces])

    def tensors(self, stored: pa.Table, names: Iterable[str] | None = None) -> dict[str, npt.NDArray[Any]]:
        """Decodes stored columns: name -> (n, *shape); may be read-only views of the table's memory.

        Raises:
            DataError: the table lacks one of the columns, or holds other tensors than declared.
        """
        return {name: self._decode(stored, name) for name in (self if names is None else names)}

    def reasons(self, batch: pa.RecordBatch) -> pa.Array:
        """Null for each row that can be stored, else why not, as `encode_batch` says it."""
        return _joined([(name, feature.check(source_column(batch, feature))) for name, feature in self.items()],
                       batch.num_rows)

    def tally(self, batch: pa.RecordBatch, first: bool) -> dict[str, dict[str, int]]:
        """What the features with `learns_first` (or those without) need to know of good rows, by feature. A row of
        weight 0 teaches nothing; any other counts once, whatever its weight."""
        if self.weight is not None:
            feature = self[self.weight]
            counted = feature.tensor(source_column(batch, feature)) > 0
            batch = batch if counted.all() else batch.filter(pa.array(counted))
        return {name: feature.tally(source_column(batch, feature)) for name, feature in self.items()
                if feature.learns_first == first}

    def learnt(self, tallies: Iterable[Mapping[str, Mapping[str, int]]], first: bool) -> FeatureSet:
        """The set in which the features with `learns_first` (or those without) hold what the summed tallies tell."""
        totals: dict[str, dict[str, int]] = {}
        for tally in tallies:
            for name, counts in tally.items():
                merge(totals.setdefault(name, {}), counts)
        return FeatureSet.of({name: feature.learnt(totals.get(name, {})) if feature.learns_first == first else feature
                              for name, feature in self.items()})

    def _encode(self, batch: pa.RecordBatch) -> tuple[pa.Table, pa.Array]:
        columns = {name: source_column(batch, feature) for name, feature in self.items()}
        why = self.reasons(batch)
        if why.null_count < len(why):
            good = why.is_null()
            columns = {name: column.filter(good) for name, column in columns.items()}
        arrays = [self[name].pack(column) for name, column in columns.items()]
        return pa.Table.from_arrays(arrays, schema=self.storage_schema()), why

    def _decode(self, stored: pa.Table, name: str) -> npt.NDArray[Any]:
        feature = self[name]
        if name not in stored.schema.names:
            raise DataError("feed", f"feature {name!r}", "the data has no such column",
                            nearest(name, stored.schema.names))
        column = stored.column(name)
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        try:
            parts = [feature.decode(chunk) for chunk in chunks] or [feature.decode(pa.array([], feature.arrow_type))]
        except DataError as error:
            raise DataError("feed", f"feature {name!r}", f"{error.subject}: {error.problem}", error.hint) from error
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def source_column(batch: pa.RecordBatch, feature: Feature) -> pa.Array:
    """What the feature is made of: its column, or a StructArray of its columns.

    Raises:
        DataError: the batch lacks one of them.
    """
    for column in feature.columns:
        if column not in batch.schema.names:
            raise DataError("convert", feature.subject, f"the table has no column {column!r}",
                            nearest(column, batch.schema.names))
    arrays = [batch.column(batch.schema.names.index(column)) for column in feature.columns]
    return arrays[0] if len(arrays) == 1 else pa.StructArray.from_arrays(arrays, names=list(feature.columns))


def _joined(found: list[tuple[str, pa.Array]], rows: int) -> pa.Array:
    """All features' reasons a row in one text, null where no feature has any."""
    joined = pa.nulls(rows, pa.string())
    for name, why in found:
        if why.null_count < rows:
            said = pc.binary_join_element_wise(name, why, " ")
            joined = pc.coalesce(pc.binary_join_element_wise(joined, said, "; "), joined, said)
    return joined
