"""What one should look at before training, found in a profile's numbers.

    [notice.text for notice in notices_of(profile)]
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.profile.model import ColumnProfile, Correlations, Drift, Notice, TableProfile

MOSTLY_NULL, RATIO, RARE, SKEWED, ALIKE, EMPTY, AS_NUMBERS = 0.5, 10.0, 0.01, 0.25, 0.99, 0.05, 0.95
_FEW = 10
_LONGEST = 40


def notices_of(profile: TableProfile) -> list[Notice]:
    """In the order of the columns, then what several columns share, then drift."""
    if not profile.rows:
        return [Notice(kind="empty", columns=[], text="the table has no rows")]
    found = [notice for column in profile.columns for notice in _column(column)]
    found += _correlations(profile.correlations) if profile.correlations else []
    return [*found, *(_drift(profile.drift) if profile.drift else [])]


def _column(column: ColumnProfile) -> Iterator[Notice]:
    def warn(kind: str, text: str) -> Notice:
        return Notice(kind=kind, columns=[column.name], text=f"{column.name} {text}")

    share = column.nulls / column.rows
    if share == 1:
        yield warn("null", "is null in every row")
    elif share >= MOSTLY_NULL:
        yield warn("null", f"is {_percent(share)} null")
    if column.distinct == 1 and column.distinct_exact and column.rows > 1 and column.listed:
        yield warn("constant", "has one value only" + (" beside nulls" if column.nulls else ""))
    if column.key_like:
        yield warn("id-like", "has a value of its own in (nearly) every row: a key, nothing to learn from")
    yield from (warn(kind, text) for kind, text in (*_classes(column), *_numbers(column), *_content(column)))


def _classes(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    if column.imbalance is None:
        return
    first, last = column.values[0], column.values[-1]
    share = last.rows / column.filled
    if column.imbalance >= RATIO or share < RARE:
        yield "imbalance", (f"is imbalanced: {_quoted(last.value)} has {_percent(share)} of the rows, "
                            f"{_quoted(first.value)} {column.imbalance:.3g} times as many")


def _numbers(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    numbers = column.numbers
    if numbers is None or column.kind != "number":
        return
    if numbers.nan or numbers.infinite:
        yield "not finite", f"has {numbers.nan:,} NaN and {numbers.infinite:,} infinite numbers"
    if numbers.std and numbers.mean is not None and (column.distinct or 0) > _FEW and not column.unique:
        off = (numbers.mean - numbers.quantiles["0.5"]) / numbers.std
        if abs(off) >= SKEWED:
            yield "skewed", (f"is skewed {'upwards' if off > 0 else 'downwards'}: its mean lies {abs(off):.1f} "
                             "standard deviations from its median")


def _content(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    if column.empty and column.empty >= EMPTY * column.filled:
        yield "empty text", f"is empty text in {_percent(column.empty / column.filled)} of its rows"
    if column.looks_numeric and column.looks_numeric >= AS_NUMBERS * column.filled:
        yield "numbers as text", f"is text, but {_percent(column.looks_numeric / column.filled)} of it are numbers"
    if column.images and column.images.unreadable:
        yield "unreadable", f"has {column.images.unreadable:,} files that are no readable images"


def _correlations(found: Correlations) -> Iterator[Notice]:
    for place, one in enumerate(found.columns):
        for other in range(place):
            r = found.r[place][other]
            if r is not None and abs(r) >= ALIKE:
                names = [found.columns[other], one]
                yield Notice(kind="correlated", columns=names, text=(
                    f"{names[0]} and {names[1]} go together nearly perfectly (r = {r:.3f}): where one is the label, "
                    "the other gives it away"))


def _drift(drift: Drift) -> Iterator[Notice]:
    for column in drift.columns:
        if column.verdict == "strong":
            yield Notice(kind="drift", columns=[column.name],
                          text=f"{column.name} drifted from version {drift.against}: {column.because}")


def _percent(share: float) -> str:
    """Never rounded to a 0 or a 100 that it isn't."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.3g} %"


def _quoted(value: str) -> str:
    return f"'{value if len(value) <= _LONGEST else value[: _LONGEST - 1] + '…'}'"
