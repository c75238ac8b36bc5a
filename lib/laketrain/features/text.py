"""Texts as ids of words, characters or byte-pair pieces, from a vocabulary of the train split.

    features:
      title: {kind: text, column: title, length: 32}
      body: {kind: text, column: body, tokens: bpe, vocabulary: 8000, buckets: [64, 128, 256]}

int32 (length,): 0 is padding, so a mask is `ids != 0`; 1 is an unknown token; 2 is the most common token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, model_validator

from laketrain.errors import DataError
from laketrain.features.base import Codec, Drawing, Feature, Storage, nulls, reasons
from laketrain.features.codecs.ndarray import decode_ndarrays, encode_ndarrays
from laketrain.features.numeric import as_tuple
from laketrain.features.tokens import (
    PADDING,
    UNKNOWN,
    Bpe,
    Kind,
    TokenRows,
    Unicode,
    learn_merges,
    most_common,
    stop_words_of,
    token_ids,
    tokenize,
)

Ids = npt.NDArray[np.int32]
Strings = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


class Text(Feature):
    """Token ids, padded to one length or to the row's bucket."""

    codec: ClassVar[Codec] = "ndarray"
    fit_first: ClassVar[bool] = True

    kind: Literal["text"] = "text"
    role: Literal["input"] = "input"
    """It is an input of the model."""
    tokens: Kind = "words"
    """The kind of tokens: `words` (Chinese ones by a dictionary), `characters`, or `bpe`, byte-pair pieces of words."""
    vocabulary: int = Field(default=20_000, ge=1)
    """The largest number of tokens: the most common ones of the train split."""
    minimum_count: int = Field(default=2, ge=1)
    """A token needs at least this many occurrences in the train split; one occurrence is too few to learn from."""
    lower: bool = True
    """Whether texts are lower-cased."""
    unicode: Unicode = "NFKC"
    """The Unicode normal form of texts, so that equal-looking characters are equal; `none` leaves texts unchanged."""
    stop_words: str | Strings | None = None
    """Words to remove: the list of a language, by its code such as `en`, or your own list."""
    length: int | None = Field(default=None, ge=1)
    """Tokens of every row: longer texts are cut, shorter ones padded at the end."""
    lengths: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = Field(default=(), alias="buckets")
    """Ascending lengths, instead of `length`: a row is padded to the first one that holds it, and a batch has rows of
    one length."""
    truncate: Literal["end", "start"] = "end"
    """Which end of a longer text is cut off."""
    empty: Literal["refuse", "keep"] = "refuse"
    """Whether a text without tokens is quarantined, or is kept as padding only."""
    learnt_vocabulary: Strings = ()
    """Fitted by convert."""
    learnt_merges: Strings = ()
    """Fitted by convert."""

    @model_validator(mode="after")
    def _check_settings(self) -> Text:
        if (self.length is None) == (not self.lengths):
            got = "neither" if self.length is None else "both"
            raise ValueError(f"give either `length` (one) or `buckets` (several lengths); got {got}")
        if list(self.lengths) != sorted(set(self.lengths)) or any(length < 1 for length in self.lengths):
            raise ValueError(f"`buckets` must ascend and be at least 1; got {list(self.lengths)}")
        if self.stop_words is not None and self.tokens != "words":
            raise ValueError(f"stop words are words, and `tokens: {self.tokens}` has none")
        self._stops  # noqa: B018  (raises for an unknown language)
        return self

    @property
    def count(self) -> int:
        """Number of ids with those for padding and unknown: the rows of an embedding."""
        return len(self.learnt_vocabulary) + UNKNOWN + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int32)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length or self.lengths[-1],)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    @property
    def buckets(self) -> tuple[int, ...]:
        return self.lengths

    def bucket_of(self, column: pa.Array) -> npt.NDArray[np.int64]:
        return self._bucket_of(self._tokens(column).lengths)

    def for_bucket(self, bucket: int) -> Text:
        if not self.lengths:
            return self
        return self.model_copy(update={"length": self.lengths[bucket], "lengths": ()})

    def storage(self, name: str) -> Storage:
        return Storage(name, self.dtype.name, (None,) if self.lengths else self.shape, self.codec)

    def check(self, column: pa.Array) -> pa.Array:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise self.wrong_type(column, "text")
        if self.empty == "keep":
            return reasons(len(column), (nulls(column), "is null"))
        return reasons(len(column), (nulls(column), "is null"), (self._tokens(column).lengths == 0, "has no tokens"))

    def pack(self, column: pa.Array) -> pa.Array:
        tokens = self._tokens(column)
        ids = token_ids(tokens, self.learnt_vocabulary).astype(np.int32)
        buckets = self._bucket_of(tokens.lengths)
        parts, order = [pa.array([], pa.binary())], [np.empty(0, np.int64)]
        for bucket in np.unique(buckets):
            rows = np.flatnonzero(buckets == bucket)
            length = self.for_bucket(int(bucket)).shape[0]
            parts.append(encode_ndarrays(self._padded(ids, tokens.offsets, rows, length)))
            order.append(rows)
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def decode(self, stored: pa.Array) -> Ids:
        """Pads rows to the longest bucket."""
        if not self.lengths:
            return decode_ndarrays(stored, np.int32, self.shape)
        out = np.full((len(stored), *self.shape), PADDING, np.int32)
        sizes = np.asarray(pc.fill_null(pc.binary_length(stored), -1))
        left = np.ones(len(stored), np.bool_)
        for bucket, length in enumerate(self.lengths):
            [size] = pc.binary_length(encode_ndarrays(np.zeros((1, length), np.int32))).to_pylist()
            rows = np.flatnonzero(sizes == size)
            out[rows, :length] = self.for_bucket(bucket).decode(stored.take(pa.array(rows)))
            left[rows] = False
        if left.any():
            raise DataError("feed", self.subject, f"row {np.argmax(left)} is null or doesn't have a bucket's length "
                            f"{list(self.lengths)}", "convert the dataset again, or declare what it holds")
        return out

    def tally(self, column: pa.Array) -> dict[str, int]:
        """Counts of tokens; with `bpe`, of words."""
        return self._words(column).counts()

    def fit(self, values: Mapping[str, Any]) -> Text:
        if self.tokens == "bpe":
            vocabulary, merges = learn_merges(values, self.minimum_count, self.vocabulary)
        else:
            vocabulary, merges = most_common(values, self.minimum_count, self.vocabulary), ()
        if not vocabulary:
            raise DataError("convert", self.subject, f"no token occurs {self.minimum_count} times in the train split",
                            "lower `minimum_count`, or look at the quarantine and at the split's fractions")
        return self.model_copy(update={"learnt_vocabulary": vocabulary, "learnt_merges": merges})

    def drawing(self, value: Any) -> Drawing:
        names = ("", "□", *self.learnt_vocabulary)
        tokens = [names[number] for number in np.asarray(value).tolist() if number != PADDING]
        separator = "" if self.tokens in ("characters", "bpe") else " "
        return Drawing("text", separator.join(tokens).replace("▁", " ").strip())

    @property
    def _stops(self) -> frozenset[str]:
        if self.stop_words is None:
            return frozenset()
        return frozenset(stop_words_of(self.stop_words) if isinstance(self.stop_words, str) else self.stop_words)

    def _words(self, column: pa.Array) -> TokenRows:
        return tokenize(column, self.tokens, self.lower, self.unicode).without(self._stops)

    def _tokens(self, column: pa.Array) -> TokenRows:
        words = self._words(column)
        return words.split(Bpe.of(self.learnt_merges).split_word) if self.tokens == "bpe" else words

    def _bucket_of(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        ends = np.array(self.lengths or self.shape, np.int64)
        return np.minimum(np.searchsorted(ends, lengths), len(ends) - 1).astype(np.int64)

    def _padded(self, ids: Ids, offsets: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], length: int) -> Ids:
        """(rows, length) ids of these rows, truncated and padded."""
        starts, ends = offsets[rows], offsets[rows + 1]
        if self.truncate == "start":
            starts = np.maximum(starts, ends - length)
        index = starts[:, None] + np.arange(length)
        inside = index < ends[:, None]
        out = np.full((len(rows), length), PADDING, np.int32)
        out[inside] = ids[index[inside]]
        return out
