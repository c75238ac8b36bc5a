"""Texts as numbers of words, characters or byte-pair pieces, by a vocabulary that is learnt on the train split.

    features:
      title: {kind: text, column: title, length: 32}
      body: {kind: text, column: body, tokens: bpe, vocabulary: 8000, buckets: [64, 128, 256]}

int32 (length,): 0 pads, so a mask is `ids != 0`; 1 is a token that the vocabulary lacks; 2 is its first, the commonest.
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
    """Token numbers of one length, or of the bucket that holds the row."""

    codec: ClassVar[Codec] = "ndarray"
    fit_first: ClassVar[bool] = True

    kind: Literal["text"] = "text"
    role: Literal["input"] = "input"
    """The model sees it."""
    tokens: Kind = "words"
    """What texts are cut in: `words` (Chinese ones by a dictionary), `characters`, or `bpe`, pieces of words as long as
    they are frequent."""
    vocabulary: int = Field(default=20_000, ge=1)
    """How many tokens are told apart at most: the commonest of the train split."""
    minimum_count: int = Field(default=2, ge=1)
    """How often a token comes in the train split at least, to be told apart; once is too little to learn from."""
    lower: bool = True
    """Whether capitals become small letters."""
    unicode: Unicode = "NFKC"
    """The form that characters are brought to, so that what looks alike is alike; `none` leaves them."""
    stop_words: str | Strings | None = None
    """Words to leave out: a language's list, by its code such as `en`, or a list of your own."""
    length: int | None = Field(default=None, ge=1)
    """Tokens of every row: what is longer is cut, what is shorter is padded behind."""
    lengths: Annotated[tuple[int, ...], BeforeValidator(as_tuple)] = Field(default=(), alias="buckets")
    """Ascending lengths, instead of `length`: a row is padded to the first that holds it, and a batch has rows of one
    length."""
    truncate: Literal["end", "start"] = "end"
    """Which part of a longer text goes."""
    empty: Literal["refuse", "keep"] = "refuse"
    """What becomes of a text without tokens: it is quarantined, or is padding alone."""
    learnt_vocabulary: Strings = ()
    """Learnt by convert."""
    learnt_merges: Strings = ()
    """Learnt by convert."""

    @model_validator(mode="after")
    def _that_go_together(self) -> Text:
        if (self.length is None) == (not self.lengths):
            got = "neither" if self.length is None else "both"
            raise ValueError(f"give either `length` (one) or `buckets` (several lengths); got {got}")
        if list(self.lengths) != sorted(set(self.lengths)) or any(length < 1 for length in self.lengths):
            raise ValueError(f"`buckets` ascend and are at least 1; got {list(self.lengths)}")
        if self.stop_words is not None and self.tokens != "words":
            raise ValueError(f"stop words are words; with `tokens: {self.tokens}` there is nothing to leave out")
        self._stops  # noqa: B018  (an unknown language is told here)
        return self

    @property
    def count(self) -> int:
        """How many numbers there are, padding and the unknown among them: the rows of an embedding."""
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
        return self._bucket_of(self._cut(column).lengths)

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
        return reasons(len(column), (nulls(column), "is null"), (self._cut(column).lengths == 0, "has no tokens"))

    def pack(self, column: pa.Array) -> pa.Array:
        pieces = self._cut(column)
        ids = token_ids(pieces, self.learnt_vocabulary).astype(np.int32)
        buckets = self._bucket_of(pieces.lengths)
        parts, order = [pa.array([], pa.binary())], [np.empty(0, np.int64)]
        for bucket in np.unique(buckets):
            places = np.flatnonzero(buckets == bucket)
            length = self.for_bucket(int(bucket)).shape[0]
            parts.append(encode_ndarrays(self._padded(ids, pieces.starts, places, length)))
            order.append(places)
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def decode(self, stored: pa.Array) -> Ids:
        """Rows of several buckets are padded to the longest."""
        if not self.lengths:
            return decode_ndarrays(stored, np.int32, self.shape)
        out = np.full((len(stored), *self.shape), PADDING, np.int32)
        sizes = np.asarray(pc.fill_null(pc.binary_length(stored), -1))
        left = np.ones(len(stored), np.bool_)
        for bucket, length in enumerate(self.lengths):
            [size] = pc.binary_length(encode_ndarrays(np.zeros((1, length), np.int32))).to_pylist()
            places = np.flatnonzero(sizes == size)
            out[places, :length] = self.for_bucket(bucket).decode(stored.take(pa.array(places)))
            left[places] = False
        if left.any():
            raise DataError("feed", self.subject, f"row {np.argmax(left)} is null or of none of the buckets' lengths "
                            f"{list(self.lengths)}", "convert the dataset again, or declare what it holds")
        return out

    def tally(self, column: pa.Array) -> dict[str, int]:
        """How often each token comes; with `bpe`, each word, which the pieces are made of."""
        return self._words(column).counts()

    def fit(self, values: Mapping[str, Any]) -> Text:
        if self.tokens == "bpe":
            vocabulary, merges = learn_merges(values, self.minimum_count, self.vocabulary)
        else:
            vocabulary, merges = most_common(values, self.minimum_count, self.vocabulary), ()
        if not vocabulary:
            raise DataError("convert", self.subject, f"no token of the train split comes {self.minimum_count} times",
                            "lower `minimum_count`, or look at the quarantine and at the split's fractions")
        return self.model_copy(update={"learnt_vocabulary": vocabulary, "learnt_merges": merges})

    def drawing(self, value: Any) -> Drawing:
        known = ("", "□", *self.learnt_vocabulary)
        said = [known[number] for number in np.asarray(value).tolist() if number != PADDING]
        glue = "" if self.tokens in ("characters", "bpe") else " "
        return Drawing("text", glue.join(said).replace("▁", " ").strip())

    @property
    def _stops(self) -> frozenset[str]:
        if self.stop_words is None:
            return frozenset()
        return frozenset(stop_words_of(self.stop_words) if isinstance(self.stop_words, str) else self.stop_words)

    def _words(self, column: pa.Array) -> TokenRows:
        return tokenize(column, self.tokens, self.lower, self.unicode).without(self._stops)

    def _cut(self, column: pa.Array) -> TokenRows:
        pieces = self._words(column)
        return pieces.split(Bpe.of(self.learnt_merges).split_word) if self.tokens == "bpe" else pieces

    def _bucket_of(self, lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        ends = np.array(self.lengths or self.shape, np.int64)
        return np.minimum(np.searchsorted(ends, lengths), len(ends) - 1).astype(np.int64)

    def _padded(self, ids: Ids, starts: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], length: int) -> Ids:
        """(rows, length) of the ids between their starts; longer ones lose the part that `truncate` names."""
        begins, ends = starts[rows], starts[rows + 1]
        if self.truncate == "start":
            begins = np.maximum(begins, ends - length)
        places = begins[:, None] + np.arange(length)
        inside = places < ends[:, None]
        out = np.full((len(rows), length), PADDING, np.int32)
        out[inside] = ids[places[inside]]
        return out
