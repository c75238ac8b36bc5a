"""Stop words by language."""

from __future__ import annotations

import pytest

from laketrain.features.tokens.stop_words import stop_words_of


def test_a_language_has_sorted_stop_words() -> None:
    words = stop_words_of("en")
    assert {"the", "and"} <= set(words)
    assert list(words) == sorted(words)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="no list of stop words for 'english'"):
        stop_words_of("english")
