"""Personal data are in neither the clean rows nor the quarantine, and the key is in no file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.clean import fingerprint_clean
from laketrain.config.clean import CleanTable
from laketrain.errors import DataError

from ...tables import Cleaned, clean_files, ingest_files, source_of
from .cases import RULE, Case, judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEY = "correct horse battery staple"
COLUMNS = {"id": "string", "email": "string", "phone": "string", "name": "string", "age": "string"}
FILES = {"a.csv": "id,email,phone,name,age\n"
                  "1,ada@example.org,0151-1234,Ada Lovelace,36\n"
                  "2,ada@example.org,0151-1234,Ada Lovelace,thirty\n"
                  "3,bob@example.org,0170-777,,40\n"
                  "cut short ada@example.org\n"
                  "4,eve@example.org,110,Eve Eavesdropper,20\n"}
RULES: list[dict[str, Any]] = [
    {"regex": {"column": "email", "pattern": "(?!eve).*@.*"}},
    {"hash": {"columns": ["email"], "key_env": "TEST_HASH_KEY"}},
    {"mask": {"columns": ["phone"], "keep": 3}},
    {"cast": {"column": "age", "to": "int"}},
    {"not_null": {"columns": ["name"]}},
    {"drop": {"columns": ["name"]}},
]


def by_hand(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEST_HASH_KEY", KEY)
    return KEY


@pytest.fixture
def cleaned(spark: SparkSession, tmp_path: Path, key: str) -> Cleaned:
    return clean_files(spark, tmp_path, FILES, columns=COLUMNS, rules=RULES)


def test_personal_columns_are_masked_in_the_clean_rows(cleaned: Cleaned):
    assert cleaned.rows == [{"id": "1", "email": by_hand("ada@example.org"), "phone": "******234"[-9:], "age": 36}]


def test_personal_columns_are_masked_in_the_quarantine(cleaned: Cleaned):
    shown = {row["rule"]: (row["reason"], row["record"]) for row in cleaned.refused}
    assert {rule: (reason, json.loads(record) if record.startswith("{") else record)
            for rule, (reason, record) in shown.items()} == {
        "cast(age)": ("received thirty, expected int", {
            "id": "2", "email": by_hand("ada@example.org"), "phone": "******234", "age": "thirty"}),
        "not_null(name)": ("(withheld: the table has personal columns)", {
            "id": "3", "email": by_hand("bob@example.org"), "phone": "*****777", "age": "40"}),
        "regex(email)": ("(withheld: the table has personal columns)", {
            "id": "4", "email": by_hand("eve@example.org"), "phone": "***", "age": "20"}),
        "readable": ("isn't a csv record of 5 fields", "(withheld: the table has personal columns)"),
    }


def test_the_committed_files_contain_neither_the_key_nor_a_name(cleaned: Cleaned, tmp_path: Path):
    forms = [KEY.encode(), KEY.encode().hex().encode(), base64.b64encode(KEY.encode()), b"Lovelace", b"Eavesdropper",
             b"ada@", b"0151-1234"]
    files = [path for path in (tmp_path / "lake").rglob("*") if path.is_file() and "raw" not in path.parts]
    assert len(files) > 4
    # Parquet's pages are compressed: the tests above read their values.
    logs = [path for path in files if path.suffix == ".json"]
    assert [path for path in logs for form in forms if form in path.read_bytes()] == []
    assert "TEST_HASH_KEY" in cleaned.version.entry.model_dump_json()


def test_the_key_is_not_in_the_plan_of_spark(spark: SparkSession, key: str):
    from laketrain.clean.rules import RuleContext, apply

    case = Case([], "email string", [("ada@example.org",)])
    with RuleContext() as context:
        frame = apply([RULE.validate_python(RULES[1])], case.frame(spark), context)
        plan = frame._jdf.queryExecution().toString() + frame._jdf.queryExecution().logical().toJSON()
    assert "hashed" in plan
    assert not any(form in plan for form in (KEY, KEY.encode().hex(), base64.b64encode(KEY.encode()).decode()))


def test_a_secret_is_not_shown(key: str):
    from laketrain.clean.rules.personal import Secret

    secret = Secret.from_env("TEST_HASH_KEY")
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    assert secret.of("x") == by_hand("x")


def test_the_hash_is_that_of_the_text_in_any_type_and_null_stays(spark: SparkSession, key: str):
    rows = [("ä", 7), (None, None), ("", 0)]
    judged = judge(spark, [{"hash": {"columns": ["x", "y"], "key_env": "TEST_HASH_KEY"}}], rows, "x string, y int")
    assert [(row["x"], row["y"]) for row in judged] == [
        (by_hand("ä"), by_hand("7")), (None, None), (by_hand(""), by_hand("0"))]


SAME = "this is a sentence of some length that is told twice"
IN_PATHS = {
    "name=Alice Secret/birth=1990-01-01/a.json": f'{{"id": "1", "age": "x", "said": "{SAME}"}}\n{{"id": 2',
    "name=Bob [Secret]/birth=Secret/a.json": '{"id": "3", "age": "1", "said": "no date in its path"}\n',
    "name=Secret%2FCarol/birth=1990-01-02/day=7/a.json": f'{{"id": "4", "age": "1", "said": "{SAME}"}}\n',
    "name=Secret%2FDora/birth=1990-01-02/a.json": f'{{"id": "5", "age": "1", "said": "{SAME}"}}\n',
}


@pytest.mark.parametrize("personal", [
    [{"drop": {"columns": ["name", "birth"]}}],
    [{"mask": {"columns": ["name"]}}, {"hash": {"columns": ["birth"], "key_env": "TEST_HASH_KEY"}}]])
def test_personal_columns_in_paths_are_masked_wherever_the_file_is_named(
        spark: SparkSession, tmp_path: Path, key: str, personal: list[dict[str, Any]]):
    columns = {"id": "string", "age": "string", "said": "string", "name": "string", "birth": "date"}
    rules = [{"cast": {"column": "age", "to": "int"}}, {"near_duplicates": {"column": "said", "similarity": 0.9}}]
    cleaned = clean_files(spark, tmp_path, IN_PATHS, columns=columns, form="json", rules=[*rules, *personal])
    hidden, carol = "name=(withheld)/birth=(withheld)/a.json", "name=(withheld)/birth=(withheld)/day=7/a.json"
    assert sorted((row["rule"], row["file"], row["reason"]) for row in cleaned.refused) == sorted([
        ("cast(age)", hidden, "received x, expected int"),
        ("near_duplicates(said)", hidden, f"is like a row of {carol} (similarity 1.00)"),
        ("readable", hidden, "has (withheld) for birth in its path, expected date"),
        ("readable", hidden, "isn't a json record of 3 fields")])
    held = cleaned.version.lake.table("quarantine", "table").latest()
    assert held is not None
    assert [(count["file"], count["rows"]) for count in held.entry.counts["by"]] == [
        (hidden, 1), (hidden, 1), (hidden, 2)]
    texts = [path.read_text("utf-8") for path in (tmp_path / "lake").rglob("*.json") if "raw" not in path.parts]
    # As words: digits of a checksum may be 1990 by chance.
    assert not any(re.search(r"Secret|\b1990\b", text) for text in [*texts, str(cleaned.refused)])


@pytest.mark.parametrize(("columns", "shown"), [
    (["path"], "(withheld)"), (["folder"], "pets/(withheld)/1.jpg"), (["bytes"], "pets/Alice Secret/1.jpg")])
def test_the_path_of_images_is_masked_with_the_columns_made_from_it(spark: SparkSession, columns: list[str],
                                                                    shown: str):
    from pyspark.sql import functions as F

    from laketrain.clean.rules import masked_file

    rules = [RULE.validate_python({"mask": {"columns": columns}})]
    path = F.lit("pets/Alice Secret/1.jpg")
    [row] = spark.range(1).select(masked_file(path, rules, "images"), masked_file(path, rules, "csv")).collect()
    assert tuple(row) == (shown, "pets/Alice Secret/1.jpg")


def test_fitted_values_of_a_column_that_is_dropped_later_are_not_recorded(spark: SparkSession):
    from laketrain.clean.rules import RuleContext

    context = RuleContext()
    rules = [{"impute": {"columns": ["x"], "method": "mode"}}, {"drop": {"columns": ["x"]}}]
    judge(spark, rules, [("Ada", 1), (None, 2)], "x string, y int", context=context)
    assert "Ada" not in json.dumps(context.fitted)
    assert context.imputed == {"impute(x)": 1}


@pytest.mark.parametrize("rules", [
    [{"derive": {"column": "nick", "sql": "upper(NAME)", "type": "string"}},
     {"allowed": {"column": "nick", "values": ["BOB"]}}, {"mask": {"columns": ["name"]}}],
    [{"derive": {"column": "nick", "sql": "upper(name)", "type": "string"}}, {"mask": {"columns": ["name"]}},
     {"derive": {"column": "two", "sql": "concat(nick, nick)", "type": "string"}},
     {"regex": {"column": "two", "pattern": "BOBBOB"}}],
], ids=["before it is masked", "after"])
def test_a_column_made_from_a_personal_column_is_not_quoted(spark: SparkSession, rules: list[dict[str, Any]]) -> None:
    [bob, ada] = judge(spark, rules, [("Bob",), ("Ada Secret",)], "name string")
    assert bob["rule"] is None
    assert ada["rule"] in ("allowed(nick)", "regex(two)")
    assert ada["reason"] == "(withheld: the table has personal columns)"


def test_a_masked_copy_is_quoted_as_masked(spark: SparkSession) -> None:
    rules = [{"derive": {"column": "nick", "sql": "upper(name)", "type": "string"}},
             {"mask": {"columns": ["name", "nick"]}}, {"allowed": {"column": "nick", "values": ["B"]}}]
    [row] = judge(spark, rules, [("Ada",)], "name string")
    assert row["reason"] == "received ***, expected one of B"


def test_another_key_makes_the_table_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = source_of(tmp_path / "landing", COLUMNS)
    raw, table = ingest_files(tmp_path, FILES, source), CleanTable.model_validate({"rules": RULES})
    seen = []
    for value in (KEY, KEY, KEY + "!"):
        monkeypatch.setenv("TEST_HASH_KEY", value)
        seen.append(fingerprint_clean(raw, table, source))
    assert (seen[0] == seen[1], seen[0] == seen[2]) == (True, False)
    monkeypatch.delenv("TEST_HASH_KEY")
    with pytest.raises(DataError, match="the environment variable 'TEST_HASH_KEY' is unset or empty"):
        fingerprint_clean(raw, table, source)


RULE_OF = "- trim: {columns: [scanner], lower: true}"


@pytest.mark.parametrize(("value", "message"), [
    (None, "the environment variable 'TEST_HASH_KEY' is unset or empty"),
    ("too short", "the key in the environment variable 'TEST_HASH_KEY' is shorter than 16 bytes"),
])
def test_a_missing_key_is_reported_before_spark_starts(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None, message: str):
    from laketrain.errors import ConfigError
    from laketrain.workload import Workload

    monkeypatch.delenv("TEST_HASH_KEY", raising=False)
    if value:
        monkeypatch.setenv("TEST_HASH_KEY", value)
    digits = (Path(__file__).parents[2] / "workload" / "digits.yaml").read_text("utf-8")
    path = tmp_path / "digits.yaml"
    path.write_text(digits.replace(RULE_OF, "- hash: {columns: [scanner], key_env: TEST_HASH_KEY}"))
    with pytest.raises(ConfigError) as caught:
        Workload.load(path)
    [problem] = caught.value.problems
    assert (problem.where, problem.problem) == ("clean.captures.rules.4.hash", message)
    assert "export TEST_HASH_KEY=$(openssl rand -hex 32)" in problem.hint
    assert "too short" not in str(caught.value)
