"""The reasons for which a JSON text isn't a record of the declared columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ....tables import clean_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"multiLine": True}, {"allowComments": True}])
def test_a_reason_names_the_column_with_a_value_of_another_type(
        spark: SparkSession, tmp_path: Path, options: dict[str, object]) -> None:
    columns = {"id": "string", "n": "int", "ok": "boolean", "tags": "array<string>"}
    texts = {'{"id":"1","n":"5","ok":1}': ": no int in 'n'", '{"id":"2","n":1,"ok":"yes"}': ": no boolean in 'ok'",
             '{"id":"3","tags":"a"}': ": no array in 'tags'", '{"id":"4","n":2147483648}': ": no int in 'n'",
             '["5"]': ""}
    table = clean_files(spark, tmp_path, {"a.json": "\n".join([*texts, '{"id":"6","n":1}'])}, columns=columns,
                        form="json", options=options)
    assert [(row["id"], row["n"]) for row in table.rows] == [("6", 1)]
    shape = "isn't a json record of id string, n int, ok boolean, tags array<string>"
    reasons = {row["record"]: row["reason"] for row in table.refused}
    assert {text: reasons.pop(text, None) for text, why in texts.items() if why} == {
        text: shape + why for text, why in texts.items() if why}
    assert not any(": no" in reason for reason in reasons.values())
