"""Stop words by language: the lists of the package stop-words.

    stop_words_of("en")                                   # ("a", "able", "about", …)
"""

from __future__ import annotations

from laketrain.errors import nearest


def stop_words_of(language: str) -> tuple[str, ...]:
    """The sorted stop words of a language, by its ISO 639-1 code.

    Raises:
        ValueError: there is no list of that language.
    """
    import stop_words

    accepted = stop_words.LANGUAGE_MAPPING
    if language not in accepted:
        raise ValueError(f"there is no list of stop words for {language!r}, expected a language's code, a list of "
                         f"words, or none. {nearest(language, accepted)}")
    return tuple(sorted(stop_words.get_stop_words(language)))
