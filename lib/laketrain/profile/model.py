"""The profile of a table: plain JSON in the lake, read without Spark.

    profile = load_profile(version)          # of profiles/clean.pixels@3
    profile.column("label").values[0].rows

Facts that a kind of column doesn't have are null: only text has `words`, only arrays have `elements`. Later versions of
laketrain may add keys, and ignore those that they don't know; they never remove or rename one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from laketrain.errors import LakeError, nearest
from laketrain.lake import Version

FORMAT = 1
CLASSES = 50
"""A column with at most this many distinct values is treated as classes."""
_MIN_ROWS, _ALL_DISTINCT, _MAX_KEY_WORDS, _NOTABLE = 20, 0.95, 2, 0.02
FILE, PAGE = "profile.json", "profile.html"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Kind = Literal["number", "text", "time", "boolean", "binary", "array", "other"]
Verdict = Literal["none", "some", "strong"]


class _Facts(BaseModel):
    """A part of a profile: frozen, tolerant of unknown keys, never NaN."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Histogram(_Facts):
    """`counts[i]` values are in [`edges[i]`, `edges[i + 1]`); the last bin includes its upper edge."""

    edges: list[float]
    counts: list[int]


class Numbers(_Facts):
    """Statistics of `count` finite numbers. Times are seconds since 1970, UTC; lengths are characters, bytes or
    elements.

    Attributes:
        least, most: the minimum and the maximum.
        quantiles: by fraction, "0.5" is the median. They are exact where the column has few distinct values, else
            within 0.2 % of the value or 1/2000 of the range, whichever is closer.
        earlier: counts in the bins of the previous profile (of version `drift.against`); the first is of numbers below
            all bins, the last of numbers above them.
    """

    count: int
    nan: int = 0
    infinite: int = 0
    zeros: int = 0
    negative: int = 0
    least: float | None = None
    most: float | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: dict[str, float] = {}
    exact: bool = True
    histogram: Histogram | None = None
    earlier: list[int] | None = None


class Value(_Facts):
    """A value as text, truncated where it is long, and the number of rows with it."""

    value: str
    rows: int


class Images(_Facts):
    """Facts from the headers of a binary column's files. Sizes are width × height in pixels."""

    readable: int
    unreadable: int
    width: Numbers
    height: Numbers
    formats: list[Value]
    colours: list[Value]
    sizes: list[Value]
    reasons: list[Value]


class Elements(_Facts):
    """The smallest and the largest number in any of a column's arrays."""

    least: float
    most: float


class ColumnProfile(_Facts):
    """One column.

    Attributes:
        distinct: exact where `distinct_exact` is true, else an estimate within about 3 %.
        values: the most frequent first; all of them where `complete`, else those in at least 0.2 % of the rows.
        imbalance: the ratio of the largest to the smallest class, of columns with few values.
    """

    name: str
    type: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int | None = None
    distinct_exact: bool = True
    values: list[Value] = []
    complete: bool = False
    imbalance: float | None = None
    numbers: Numbers | None = None
    lengths: Numbers | None = None
    words: Numbers | None = None
    empty: int | None = None
    looks_numeric: int | None = None
    elements: Elements | None = None
    images: Images | None = None

    @property
    def filled(self) -> int:
        """The number of rows that aren't null."""
        return self.rows - self.nulls

    @property
    def listed(self) -> bool:
        """Whether values are listed as text."""
        return self.kind in ("number", "text", "time", "boolean")

    @property
    def unique(self) -> bool:
        """Whether (nearly) all values differ. Floats and times don't count: they usually do."""
        whole = self.kind == "text" or (self.kind == "number" and self.type not in ("float", "double"))
        return whole and self.filled >= _MIN_ROWS and (self.distinct or 0) >= _ALL_DISTINCT * self.filled

    @property
    def key_like(self) -> bool:
        """Whether the column is unique and short, as keys are, unlike free text."""
        return self.unique and (self.words is None or self.words.quantiles.get("0.5", 0) <= _MAX_KEY_WORDS)

    @property
    def notable_values(self) -> list[Value]:
        """The values that are worth showing: none of a unique column, and only frequent ones of numbers with many
        values."""
        if self.unique:
            return []
        if self.kind in ("number", "time") and not (self.complete and len(self.values) <= CLASSES):
            return [value for value in self.values if value.rows >= _NOTABLE * self.filled]
        return self.values


class Correlations(_Facts):
    """Pearson's r of each pair of `columns`, over the rows where both are finite; null where one doesn't vary there.

    `left_out` has the numeric columns that weren't compared, each with the reason.
    """

    columns: list[str]
    r: list[list[float | None]]
    left_out: dict[str, str]


class ColumnDrift(_Facts):
    """A column against the previous profile.

    Attributes:
        change: "there" for a column that both have.
        psi: the population stability index over `basis`, minus what sampling alone gives.
        shift: the change of the mean in standard deviations of the previous profile.
    """

    name: str
    change: Literal["there", "new", "gone", "retyped"]
    verdict: Verdict
    because: str
    nulls_before: float | None = None
    nulls_now: float | None = None
    psi: float | None = None
    basis: str | None = None
    shift: float | None = None
    new_values: list[str] = []
    vanished_values: list[str] = []


class Drift(_Facts):
    """Changes since version `against` of the same table."""

    against: int
    rows_before: int
    rows_now: int
    columns: list[ColumnDrift]


class Alert(_Facts):
    """A property that deserves a look before training. `kind` is for programs, `text` for people."""

    kind: str
    columns: list[str]
    text: str


class TableProfile(_Facts):
    """Everything about one version of a table."""

    format: int = FORMAT
    table: str
    version: int
    rows: int
    bytes: int
    columns: list[ColumnProfile]
    correlations: Correlations | None = None
    drift: Drift | None = None
    warnings: list[Alert] = []

    @property
    def ref(self) -> str:
        """E.g. "clean/pixels@3"."""
        return f"{self.table}@{self.version}"

    def column(self, name: str) -> ColumnProfile:
        """The column of this name. Raises LakeError with the nearest name where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise LakeError("profile", f"column {name!r} of {self.ref}", "does not exist",
                        nearest(name, [column.name for column in self.columns]))


def load_profile(version: Version) -> TableProfile:
    """Reads the profile from a version of `profiles/`. Raises LakeError where it can't be read."""
    try:
        content = version.lake.store.read(version.path(FILE))
        profile = TableProfile.model_validate_json(content)
    except (FileNotFoundError, ValidationError) as error:
        raise LakeError("profile", version.ref, f"has no readable profile: {str(error).splitlines()[0]}",
                        "make it again with laketrain profile --force") from error
    if profile.format > FORMAT:
        raise LakeError("profile", version.ref, f"has format {profile.format}, this laketrain reads up to {FORMAT}",
                        "update laketrain, or make it again with laketrain profile --force")
    return profile
