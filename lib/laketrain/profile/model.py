"""A profile as it lies in the lake: plain JSON, read again without Spark.

    profile = load_profile(version)          # of profiles/clean.pixels@3
    profile.column("label").values[0].rows

What a column has none of is null: only text has `words`, only arrays have `elements`. Keys stay; later laketrains may
add some, which earlier ones pass over.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from laketrain.errors import LakeError, nearest
from laketrain.lake import Version

FORMAT = 1
CLASSES = 50
"""Distinct values up to which they are seen as classes."""
_FEW_ROWS, _ALL_DISTINCT, _WORDS_OF_KEYS, _STANDS_OUT = 20, 0.95, 2, 0.02
FILE, PAGE = "profile.json", "profile.html"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Kind = Literal["number", "text", "time", "boolean", "binary", "array", "other"]
Verdict = Literal["none", "some", "strong"]


class _Facts(BaseModel):
    """A part of a profile: frozen, tolerant of keys that a later laketrain adds, never NaN."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Histogram(_Facts):
    """`counts[i]` values lie from `edges[i]` to below `edges[i + 1]`; the last interval holds its end too."""

    edges: list[float]
    counts: list[int]


class Numbers(_Facts):
    """Of the `count` finite numbers. Times are seconds since 1970, UTC; lengths are characters, bytes or elements.

    `quantiles` by their fraction, "0.5" is the median: exact where the column has few distinct values, else within
    0.2 % of the value or 1/2000 of the range, whichever is closer. `earlier` counts them on the edges of the profile
    before, that of the version `drift.against`: first what lies below them, last what lies above.
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
    """A value as text, cut short where it is long, and the rows that hold it."""

    value: str
    rows: int


class Images(_Facts):
    """What the files of a binary column say of themselves in their headers; sizes are width × height in pixels."""

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

    `distinct` is exact where `distinct_exact` says so, else an estimate within about 3 %. `values` are the most
    frequent ones: all of them where `complete`, else those that hold at least 0.2 % of the rows. `imbalance` is
    largest to smallest class, of columns with few values.
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
        """Rows that are not null."""
        return self.rows - self.nulls

    @property
    def listed(self) -> bool:
        """Whether its values can be shown as text."""
        return self.kind in ("number", "text", "time", "boolean")

    @property
    def unique(self) -> bool:
        """Whether (nearly) every row has a value of its own; floats and times have that by nature."""
        whole = self.kind == "text" or (self.kind == "number" and self.type not in ("float", "double"))
        return whole and self.filled >= _FEW_ROWS and (self.distinct or 0) >= _ALL_DISTINCT * self.filled

    @property
    def key_like(self) -> bool:
        """Whether it is unique as keys are, and not as free text is."""
        return self.unique and (self.words is None or self.words.quantiles.get("0.5", 0) <= _WORDS_OF_KEYS)

    @property
    def telling(self) -> list[Value]:
        """The values that are worth a look: none where each row has its own, and of numbers with many values only
        those that stand out."""
        if self.unique:
            return []
        if self.kind in ("number", "time") and not (self.complete and len(self.values) <= CLASSES):
            return [value for value in self.values if value.rows >= _STANDS_OUT * self.filled]
        return self.values


class Correlations(_Facts):
    """Pearson's r of each pair of `columns`, over the rows where both are finite; null where one doesn't vary there.

    `left_out` are numeric columns that were not compared, each with the reason.
    """

    columns: list[str]
    r: list[list[float | None]]
    left_out: dict[str, str]


class ColumnDrift(_Facts):
    """A column against the profile before. `change` is there, gone, or new, or retyped; `psi` is the population
    stability index over `basis`, without what sampling alone would give; `shift` the change of the mean in the earlier
    standard deviations."""

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
    """What changed since version `against` of the same table."""

    against: int
    rows_before: int
    rows_now: int
    columns: list[ColumnDrift]


class Notice(_Facts):
    """What one should look at before training. `kind` for programs, `text` for people."""

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
    warnings: list[Notice] = []

    @property
    def ref(self) -> str:
        """E.g. "clean/pixels@3"."""
        return f"{self.table}@{self.version}"

    def column(self, name: str) -> ColumnProfile:
        """Raises LakeError, naming the nearest, where there is none of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise LakeError("profile", f"column {name!r} of {self.ref}", "does not exist",
                        nearest(name, [column.name for column in self.columns]))


def load_profile(version: Version) -> TableProfile:
    """The profile that a version of `profiles/` holds. Raises LakeError where it holds none that we can read."""
    try:
        content = version.lake.store.read(version.path(FILE))
        found = TableProfile.model_validate_json(content)
    except (FileNotFoundError, ValidationError) as error:
        raise LakeError("profile", version.ref, f"holds no profile that can be read: {str(error).splitlines()[0]}",
                        "make it again with laketrain profile --force") from error
    if found.format > FORMAT:
        raise LakeError("profile", version.ref, f"is of format {found.format}, this laketrain reads up to {FORMAT}",
                        "update laketrain, or make it again with laketrain profile --force")
    return found
