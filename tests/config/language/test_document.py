from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.config.language.document import Document, parse_value
from laketrain.errors import ConfigError

TEXT = """\
name: demo
rules: &rules
  - {column: a, max: 1}
  - column: b
left:
  rules: *rules
right:
  <<: {size: 3}
  rules: *rules
empty:
"""


def document(tmp_path: Path, text: str, *sets: str) -> Document:
    path = tmp_path / "a.yaml"
    path.write_text(text, "utf-8")
    return Document.read(path, sets)


@pytest.mark.parametrize(("text", "value"), [
    ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"),
    ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
    ("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("-2.", -2.0), ("+7", 7), ("010", 10), ("1_000", "1_000"),
    ("0x1f", "0x1f"), ("12:30:45", "12:30:45"), ("2026-11-20", "2026-11-20"), (".inf", ".inf"), ("=", "="),
    ("[1, a]", [1, "a"]), ("{a: 1}", {"a": 1}), ("'3'", "3"), ("a: b: c", "a: b: c"), ("[", "["),
])
def test_a_value_is_what_it_looks_like(text: str, value: object):
    parsed = parse_value(text)
    assert (parsed, type(parsed)) == (value, type(value))


def test_a_key_is_always_text(tmp_path: Path):
    data = document(tmp_path, "on: [a]\n1: b\ntrue: c\nnull: d\n").data
    assert data == {"on": ["a"], "1": "b", "true": "c", "null": "d"}


def test_every_path_knows_its_line(tmp_path: Path):
    result = document(tmp_path, TEXT)
    assert [result.line(path) for path in (
        ("name",), ("rules", 0, "max"), ("rules", 1, "column"), ("left", "rules"), ("left", "rules", 1),
        ("right", "size"), ("empty", "x"), ("absent",))] == [1, 3, 4, 6, 4, 7, 10, None]


def test_set_changes_one_use_of_an_anchor(tmp_path: Path):
    data = document(tmp_path, TEXT, "left.rules.0.max=9", "right.size=4").data
    assert [data[table]["rules"][0]["max"] for table in ("left", "right")] == [9, 1]
    assert data["rules"][0]["max"] == 1
    assert data["right"]["size"] == 4


@pytest.mark.parametrize(("assignment", "path", "value"), [
    ("name=2026-11-20", ["name"], "2026-11-20"),
    ("rules.1.column=c", ["rules", 1, "column"], "c"),
    ("left={rules: []}", ["left"], {"rules": []}),
    ("new.below.this=1e-3", ["new", "below", "this"], 0.001),
    ("empty.key=1", ["empty", "key"], 1),
    ("name=a=b", ["name"], "a=b"),
    ("name=", ["name"], None),
])
def test_set_parses_a_value_like_the_file(tmp_path: Path, assignment: str, path: list[str | int], value: object):
    result = document(tmp_path, TEXT, assignment)
    here = result.data
    for part in path:
        here = here[part]
    assert here == value
    assert result.line(path) is None
    assert result.where(path).startswith("--set ")


VARIABLES = "variables: {date: 2026-01-01, place: here}\npath: /in/${date}/${place}*.csv\nparts: [a, '${date}']\nn: 3\n"


def test_variables_are_filled_in_in_any_text(tmp_path: Path):
    data = document(tmp_path, VARIABLES).data
    assert (data["path"], data["parts"], data["n"]) == ("/in/2026-01-01/here*.csv", ["a", "2026-01-01"], 3)


def test_set_sets_a_variable_by_its_name_and_as_text(tmp_path: Path):
    for assignment in ("date=20261120", "date=1e3", "date=on"):
        data = document(tmp_path, VARIABLES, assignment).data
        assert data["path"] == f"/in/{assignment.partition('=')[2]}/here*.csv"


def test_a_day_can_be_written_in_another_form(tmp_path: Path):
    text = "variables: {date: 2026-01-02}\na: /in/${date:%Y/%m/%d}/${date}.csv\nb: '${date:%d.%m.}'\n"
    result = document(tmp_path, text)
    assert (result.data["a"], result.data["b"]) == ("/in/2026/01/02/2026-01-02.csv", "02.01.")
    assert result.used == {"date"}


def test_a_date_format_of_a_variable_that_isn_t_a_day_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, "variables: {date: today}\na: '${date:%Y}'\n")
    [problem] = caught.value.problems
    assert (problem.where, problem.line) == ("a", 2)
    assert problem.problem == "uses ${date:%Y}, and date is 'today', which isn't a day"


def test_all_missing_variables_are_reported(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, "a: ${x}\nb: [1, '${y}']\n")
    assert [(problem.where, problem.line) for problem in caught.value.problems] == [("a", 1), ("b.1", 2)]
    assert caught.value.problems[0].hint == "Add it to 'variables:', or --set variables.x=…"


def test_what_looks_like_a_variable_is_left_where_it_may_be_sparks(tmp_path: Path):
    text = "variables: {date: 2026-01-01}\nconf: {x: '-D${java.io.tmpdir}/${date}'}\nsql: SELECT '${spark.app.name}'\n"
    result = document(tmp_path, text)
    assert result.data["conf"]["x"] == "-D${java.io.tmpdir}/2026-01-01"
    assert result.data["sql"] == "SELECT '${spark.app.name}'"


def test_a_variable_that_is_not_closed_is_refused_in_a_path(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"has '\$\{date/x.csv', which is not filled in"):
        document(tmp_path, "variables: {date: 2026-01-01}\npath: /in/${date/x.csv\n")


@pytest.mark.parametrize("written", ["${ date }", "${date:}", "${date :%Y}"])
def test_a_variable_that_is_misspelt_is_refused_in_any_text(tmp_path: Path, written: str):
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, f"variables: {{date: 2026-01-01}}\nsql: \"SELECT '{written}'\"\n")
    [problem] = caught.value.problems
    assert (problem.where, problem.line) == ("sql", 2)
    assert problem.hint.startswith("Write ${date} or")


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path):
    result = document(tmp_path, "\ufeffname: demo\r\nlake: x\r\n")
    assert result.data == {"name": "demo", "lake": "x"}
    assert result.line(("lake",)) == 2
