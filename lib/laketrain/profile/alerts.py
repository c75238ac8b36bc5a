"""Alerts: properties of a profile that deserve a look before training.

    [alert.text for alert in alerts_of(profile)]
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.profile.model import Alert, ColumnProfile, Correlations, Drift, TableProfile

MOSTLY_NULL, RATIO, RARE, SKEWED, CORRELATED, EMPTY, AS_NUMBERS = 0.5, 10.0, 0.01, 0.25, 0.99, 0.05, 0.95
_MIN_DISTINCT = 10
_MAX_LENGTH = 40


def alerts_of(profile: TableProfile) -> list[Alert]:
    """Alerts of single columns in their order, then of pairs of columns, then of drift."""
    if not profile.rows:
        return [Alert(kind="empty", columns=[], text="the table has no rows")]
    alerts = [alert for column in profile.columns for alert in _column(column)]
    alerts += _correlations(profile.correlations) if profile.correlations else []
    return [*alerts, *(_drift(profile.drift) if profile.drift else [])]


def _column(column: ColumnProfile) -> Iterator[Alert]:
    def alert(kind: str, text: str) -> Alert:
        return Alert(kind=kind, columns=[column.name], text=f"{column.name} {text}")

    share = column.nulls / column.rows
    if share == 1:
        yield alert("null", "is null in every row")
    elif share >= MOSTLY_NULL:
        yield alert("null", f"is {_percent(share)} null")
    if column.distinct == 1 and column.distinct_exact and column.rows > 1 and column.listed:
        yield alert("constant", "has one value only" + (" besides nulls" if column.nulls else ""))
    if column.key_like:
        yield alert("id-like", "has a value of its own in (nearly) every row: a key, nothing to learn from")
    yield from (alert(kind, text) for kind, text in (*_classes(column), *_numbers(column), *_content(column)))


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
    if numbers.std and numbers.mean is not None and (column.distinct or 0) > _MIN_DISTINCT and not column.unique:
        distance = (numbers.mean - numbers.quantiles["0.5"]) / numbers.std
        if abs(distance) >= SKEWED:
            yield "skewed", (f"is skewed {'upwards' if distance > 0 else 'downwards'}: its mean is "
                             f"{abs(distance):.1f} standard deviations from its median")


def _content(column: ColumnProfile) -> Iterator[tuple[str, str]]:
    if column.empty and column.empty >= EMPTY * column.filled:
        yield "empty text", f"is empty text in {_percent(column.empty / column.filled)} of its rows"
    if column.looks_numeric and column.looks_numeric >= AS_NUMBERS * column.filled:
        yield "numbers as text", f"is text, but {_percent(column.looks_numeric / column.filled)} of it are numbers"
    if column.images and column.images.unreadable:
        yield "unreadable", f"has {column.images.unreadable:,} files that aren't readable images"


def _correlations(correlations: Correlations) -> Iterator[Alert]:
    for index, second in enumerate(correlations.columns):
        for other, first in enumerate(correlations.columns[:index]):
            r = correlations.r[index][other]
            if r is not None and abs(r) >= CORRELATED:
                yield Alert(kind="correlated", columns=[first, second], text=(
                    f"{first} and {second} are almost perfectly correlated (r = {r:.3f}): where one is the label, the "
                    "other leaks it"))


def _drift(drift: Drift) -> Iterator[Alert]:
    for column in drift.columns:
        if column.verdict == "strong":
            yield Alert(kind="drift", columns=[column.name],
                        text=f"{column.name} drifted from version {drift.against}: {column.because}")


def _percent(share: float) -> str:
    """A percentage that is never rounded to 0 or 100."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.999 < share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.3g} %"


def _quoted(value: str) -> str:
    return f"'{value if len(value) <= _MAX_LENGTH else value[: _MAX_LENGTH - 1] + '…'}'"
