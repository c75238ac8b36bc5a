"""CSV text in any dialect, and its records."""

from __future__ import annotations

import csv
import io

from hypothesis import strategies as st

from laketrain.clean.reading.csv.records import Cut
from laketrain.config.sources.dialect import Dialect

TEXT = st.text(st.sampled_from('"",;\n\r ab#\\\té中\ufffd'), max_size=8)
NOISE = st.lists(st.sampled_from([b'"', b'"', b",", b"\n", b"\r\n", b"a", b" ", b"\\", b"#"]),
                 max_size=60).map(b"".join)
DIALECTS = st.sampled_from([Dialect(), Dialect(escape="\\"), Dialect(comment="#"), Dialect(skip_leading=True),
                            Dialect(line_end="\n"), Dialect(escape=""), Dialect(quote="", escape="")])


def written(rows: list[list[str]], **how: object) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def records(cuts: list[Cut]) -> list[tuple[bytes, str | None]]:
    return [(text, cut.problems.get(number)) for cut in cuts for number, text in enumerate(cut.texts())]
