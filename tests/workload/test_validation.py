"""Whatever is wrong with a workload, the answer names the place, what was received, what is accepted and the nearest
right name, before Spark starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from laketrain.errors import ConfigError, Problem
from laketrain.workload import Workload

Load = Callable[..., list[Problem]]


@dataclass(frozen=True)
class Broken:
    """digits.yaml with `old` replaced by `new`, and the one problem that this makes.

    `line` is counted from the line where `new` begins; None where the answer has none.
    """

    old: str
    new: str
    where: str
    message: str
    hint: str = ""
    line: int | None = 0


CAPTURES = "clean.captures.rules"
TABLE = {
    "typo in a key": Broken(
        "epochs: 30", "epoch: 30", "train.epoch", "unknown key 'epoch'", "Did you mean 'epochs'?"),
    "typo in a section": Broken(
        "evaluate:", "evalute:", "evalute", "unknown key 'evalute'", "Did you mean 'evaluate'?"),
    "typo two levels down": Broken(
        "left: quarantine", "lefft: quarantine", "integrate.digits.steps.0.join.unmatched.lefft", "unknown key 'lefft'",
        "Did you mean 'left'?"),
    "a key that is like no other": Broken(
        "rotate: 10", "whirl: 10", "train.augment.whirl", "unknown key 'whirl'", "Accepted: brightness, contrast"),
    "a key that is missing": Broken(
        "lake: ../build/lake", "", "lake", "the key 'lake' is missing, received a mapping with the keys name, spark",
        line=None),
    "text for a whole number": Broken(
        "epochs: 30", "epochs: thirty", "train.epochs", "received 'thirty' (text), expected a whole number"),
    "a fraction for a whole number": Broken(
        "epochs: 30", "epochs: 2.5", "train.epochs", "received 2.5 (a number), expected a whole number"),
    "true for a whole number": Broken(
        "epochs: 30", "epochs: true", "train.epochs", "received true, expected a whole number"),
    "nothing for a whole number": Broken(
        "epochs: 30", "epochs:", "train.epochs", "received nothing, expected a whole number"),
    "a number for text": Broken(
        "lake: ../build/lake", "lake: 5", "lake", "received 5 (a whole number), expected text", "Put it in quotes"),
    "text for a list": Broken(
        "key: [digit_id], keep", "key: digit_id, keep", f"{CAPTURES}.7.unique.key",
        "received 'digit_id' (text), expected a list"),
    "text for a mapping": Broken(
        "predict:\n  table: unlabelled", "predict: unlabelled", "predict",
        "received 'unlabelled' (text), expected a mapping", "Its keys: table, model, name, batch, keep"),
    "a list for a mapping": Broken(
        "{digit_id: string, label: string, scanner: string, captured_at: string}", "[digit_id, label]",
        "sources.captures.schema", "received a list of 2, expected a mapping"),
    "a name that climbs out": Broken(
        "name: mnist", "name: ../mnist", "name", "received '../mnist' (text), expected a name of letters, digits"),
    "too little": Broken(
        "epochs: 30", "epochs: 0", "train.epochs", "received 0 (a whole number), expected at least 1"),
    "too much": Broken(
        "rotate: 10", "rotate: 200", "train.augment.rotate", "received 200 (a whole number), expected at most 180"),
    "none at all": Broken(
        "learning_rate: 0.001", "learning_rate: 0", "train.optimizer.learning_rate", "expected more than 0"),
    "infinitely much": Broken(
        "learning_rate: 0.001", "learning_rate: 1e999", "train.optimizer.learning_rate",
        "received inf (a number), expected a finite number"),
    "a word that is no choice": Broken(
        "relation: one-to-one", "relation: one_to_one", "integrate.digits.steps.0.join.relation",
        "received 'one_to_one' (text), expected 'one-to-one' or 'many-to-one'", "Did you mean 'one-to-one'?"),
    "an optimizer that there isn't": Broken(
        "name: adam,", "name: adamm,", "train.optimizer.name",
        "received 'adamm' (text), expected 'sgd', 'adam', 'adamw', 'nadam'", "Did you mean 'adam'?"),
    "an optimizer without momentum": Broken(
        "schedule: cosine", "momentum: 0.9", "train.optimizer.momentum",
        "optimizer 'adam' has no momentum; sgd, rmsprop have"),
    "a number or a word": Broken(
        "  batch: 64", "  batch: 64\n  lanes: autom", "train.lanes",
        "received 'autom' (text), expected a whole number or 'auto'", "Did you mean 'auto'?", line=1),
    "an unknown format": Broken(
        "format: parquet", "format: parket", "sources.captures.format",
        "received 'parket', expected csv, json, parquet, orc, text, xml, images, audio, kafka, jdbc, delta or "
        "another", "Did you mean 'parquet'?"),
    "an unknown type of a column": Broken(
        "label: string, scanner", "label: strin, scanner", "sources.captures.schema.label",
        "received 'strin', expected a type of Spark SQL", "Did you mean 'string'?"),
    "a column that laketrain uses": Broken(
        "label: string, scanner", "_record: string, scanner", "sources.captures.schema",
        "received the column '_record', a name that laketrain uses itself"),
    "columns that Spark can't tell apart": Broken(
        "label: string, scanner", "label: string, Label: string, scanner", "sources.captures.schema",
        "received 'label' and 'Label', which Spark can't distinguish"),
    "an unknown rule": Broken(
        "- trim: {columns", "- trimm: {columns", f"{CAPTURES}.4", "unknown rule 'trimm'", "Did you mean 'trim'?"),
    "a rule without its settings": Broken(
        "range: {column: label, min: 0, max: 9}", "range: 9", f"{CAPTURES}.2",
        "received 9 as the settings of range, expected a mapping of column, min, max"),
    "a rule that is a word": Broken(
        "- range: {column: label, min: 0, max: 9}", "- range", f"{CAPTURES}.2",
        "received 'range', expected a rule over its settings, e.g. not_null: {columns: [id]}"),
    "two rules in one": Broken(
        "- range: {column: label, min: 0, max: 9}", "- {range: {column: label, min: 0}, trim: {columns: [label]}}",
        f"{CAPTURES}.2", "received the keys range, trim in one item of the list, expected one rule"),
    "a rule's typo": Broken(
        "keep: last", "kep: last", f"{CAPTURES}.7.unique.kep", "unknown key 'kep'",
        "Did you mean 'keep'?"),
    "a rule about no column": Broken(
        "by: captured_at", "by: capturd_at", f"{CAPTURES}.7.unique", "there is no column 'capturd_at'",
        "Did you mean 'captured_at'?"),
    "a rule without a bound": Broken(
        "range: {column: label, min: 0, max: 9}", "range: {column: label}", f"{CAPTURES}.2.range",
        "range has no bound, expected min, max or both"),
    "a rule that nothing passes": Broken(
        "min: 0, max: 9}", "min: 9, max: 0}", f"{CAPTURES}.2.range", "range is empty: min 9 is above max 0"),
    "a cast to no type": Broken(
        "to: timestamp", "to: timestmp", f"{CAPTURES}.3.cast.to", "received 'timestmp', expected a type of Spark SQL",
        "Did you mean 'timestamp'?"),
    "a check of no column": Broken(
        "- range: {column: label, min: 0, max: 9}", "- check: {sql: lable >= 0}", f"{CAPTURES}.2.check.sql",
        "there is no column 'lable'", "Did you mean 'label'?"),
    "a check that is no SQL": Broken(
        "- range: {column: label, min: 0, max: 9}", "- check: {sql: label >=}", f"{CAPTURES}.2.check.sql",
        "can't be parsed as Spark SQL near '>='", "Write a condition that holds for good rows, e.g. label >= 0"),
    "a table cleaned from no source": Broken(
        "  captures:\n    max_reject", "  captures:\n    source: capturs\n    max_reject", "clean.captures.source",
        "there is no source 'capturs'", "Did you mean 'captures'?", line=1),
    "a join with no table": Broken(
        "table: captures\n          on", "table: capture\n          on", "integrate.digits.steps.0.join.table",
        "there is no clean table 'capture'", "Did you mean 'captures'?"),
    "a join without its key on one side": Broken(
        "on: [digit_id]", "on: [digit_id, label]", "integrate.digits.steps.0.join.on",
        "there is no column 'label'", "Accepted: digit_id, pixels"),
    "SQL that can't be parsed": Broken(
        "FROM digits", "FORM digits", "integrate.digits.steps.1.sql", "can't be parsed as Spark SQL near 'digits'",
        "Write a SELECT over the view 'digits'"),
    "SQL with a text that doesn't end": Broken(
        "FROM digits", "FROM digits WHERE label = 'x", "integrate.digits.steps.1.sql", "can't be parsed as Spark SQL",
        "Write a SELECT over the view 'digits'"),
    "SQL that drops a table": Broken(
        "sql: SELECT digit_id, pixels, label, scanner, captured_at FROM digits", "sql: DROP TABLE digits",
        "integrate.digits.steps.1.sql", "received DROP, expected a SELECT", "Write a SELECT over the view 'digits'"),
    "SQL with a second statement": Broken(
        "FROM digits", "FROM digits; DROP TABLE digits", "integrate.digits.steps.1.sql", "expected a SELECT",
        "Write a SELECT over the view 'digits'"),
    "SQL over no view": Broken(
        "FROM digits", "FROM digit", "integrate.digits.steps.1.sql", "reads 'digit', expected the view 'digits' alone",
        "write FROM digits"),
    "SQL over no column": Broken(
        "SELECT digit_id, pixels, label,", "SELECT digit_id, pixels, lable AS label,", "integrate.digits.steps.1.sql",
        "there is no column 'lable'", "Did you mean 'label'?"),
    "a feature that names no column": Broken(
        "column: pixels, shape", "column: pixel, shape", "convert.features.image.column",
        "there is no column of digits 'pixel'", "Did you mean 'pixels'?"),
    "a column that SQL left out": Broken(
        "label, scanner, captured_at FROM", "scanner, captured_at FROM", "convert.features.label.column",
        "there is no column of digits 'label'", "Accepted: captured_at, digit_id, pixels, scanner", line=6),
    "a feature of no kind": Broken(
        "kind: image", "kind: imag", "convert.features.image", "unknown kind 'imag'", "Did you mean 'image'?"),
    "a feature without a kind": Broken(
        "{kind: image, column", "{column", "convert.features.image",
        "received a mapping with the keys column, shape, expected the key 'kind'", "Accepted as kind: image, label"),
    "a shape of two sizes": Broken(
        "shape: [28, 28, 1]", "shape: [28, 28]", "convert.features.image.shape",
        "expected three sizes [height, width, channels], each a whole number ≥ 1; got [28, 28]"),
    "a label of one class": Broken(
        "classes: 10", "classes: 1", "convert.features.label.classes",
        "received 1 (a whole number), expected at least 2"),
    "a label without classes": Broken(
        "column: label, classes: 10", "column: label", "convert.features.label",
        "give either `classes` (numbers from 0) or `names` (a list of strings); got neither"),
    "nothing to learn": Broken(
        "    label: {kind: label, column: label, classes: 10}\n", "", "convert.features",
        "no feature has the role target", "Declare one, e.g. label: {kind: label, classes: 10}", line=-2),
    "a split that sums to 1.2": Broken(
        "test: 0.1}", "test: 0.3}", "convert.split.fractions", "the fractions sum to 1.2, expected 1"),
    "a split below nothing": Broken(
        "val: 0.1, test: 0.1", "val: 0.4, test: -0.2", "convert.split.fractions",
        "each fraction must be between 0 and 1, received {'train': 0.8, 'val': 0.4, 'test': -0.2}"),
    "no split to train on": Broken(
        "{train: 0.8,", "{training: 0.8,", "convert.split.fractions",
        "no split is named 'train', received training, val, test"),
    "a split by no column": Broken(
        "by: digit_id", "by: digit", "convert.split.by", "there is no column of digits 'digit'",
        "Did you mean 'digit_id'?"),
    "a table to convert that there isn't": Broken(
        "convert:\n  table: digits", "convert:\n  table: digit", "convert.table",
        "there is no integrated or clean table 'digit'", "Did you mean 'digits'?", line=1),
    "a model that there isn't": Broken(
        "{name: cnn,", "{name: cnnn,", "train.model", "unknown name 'cnnn'", "Did you mean 'cnn'?"),
    "a model's typo": Broken(
        "filters: 32", "filter: 32", "train.model.filter", "unknown key 'filter'", "Did you mean 'filters'?"),
    "a model without a name": Broken(
        "{name: cnn, ", "{", "train.model",
        "received a mapping with the keys filters, kernel, dense, expected the key 'name'", "Accepted as name: cnn"),
    "more ranks than Spark has slots": Broken(
        "ranks: 2", "ranks: 4", "train.ranks", "4 ranks, but Spark (local[2]) has 2 slots",
        "Lower ranks to 2 or give Spark local[4]"),
    "lanes that don't divide the batch": Broken(
        "  batch: 64", "  lanes: 7\n  batch: 64", "train.lanes", "7 lanes don't divide the batch of 64",
        "Choose a divisor of the batch, or 'auto'"),
    "a master of Spark that there isn't": Broken(
        "master: local[2]", "master: local[2", "spark.master",
        "received 'local[2', expected local[2], local[*], yarn, spark://host:7077"),
    "an evaluation on no split": Broken(
        "split: test\n", "split: tests\n", "evaluate.split", "there is no split 'tests'", "Did you mean 'test'?"),
    "a gate of no metric": Broken(
        "gate: {accuracy:", "gate: {acuracy:", "evaluate.gate.acuracy",
        "there is no metric 'acuracy'. Did you mean 'accuracy'?"),
    "a gate that is no bound": Broken(
        '">= 0.95"', '"0.9.5"', "evaluate.gate.accuracy",
        "received '0.9.5', expected a bound such as '>= 0.95'"),
    "a gate that is a number": Broken(
        '">= 0.95"', "0.9", "evaluate.gate.accuracy", "received 0.9, expected a bound such as '>= 0.95'",
        "Write a comparison: '>= 0.9' or '<= 0.9'"),
    "a gate that is a list": Broken(
        '">= 0.95"', "[0.9]", "evaluate.gate.accuracy", "received a list of 1, expected text"),
    "a prediction for no table": Broken(
        "table: unlabelled", "table: unlabeled", "predict.table",
        "there is no integrated or clean table 'unlabeled'", "Did you mean 'unlabelled'?"),
    "a prediction for a table without pixels": Broken(
        "table: unlabelled", "table: captures", "predict.table",
        "captures has no column 'pixels', which the model's input 'image' comes from", "Accepted: captured_at"),
    "a prediction that keeps no column": Broken(
        "table: unlabelled", "table: unlabelled\n  keep: [digitid]", "predict.keep.0",
        "there is no column of unlabelled 'digitid'", "Did you mean 'digit_id'?", line=1),
    "a variable that there isn't": Broken(
        "lake: ../build/lake", "variables: {date: today}\nlake: ../build/${dat}", "lake",
        "uses ${dat}, which is not among the variables", "Did you mean 'date'?", line=1),
    "a key twice": Broken(
        "  batch: 64", "  epochs: 3\n  batch: 64", "train.epochs", "this is a duplicate key",
        "The first is in line 71"),
    "a tab": Broken("  batch: 64", "\tbatch: 64", "YAML", "found character '\\t' that cannot start any token"),
    "a bracket that never closes": Broken(
        "ranks: 2", "ranks: [2", "YAML", "while parsing a flow sequence expected ',' or ']'", line=1),
    "an alias of nothing": Broken(
        "unlabelled: *digits", "unlabelled: *digitz", "YAML", "found undefined alias 'digitz'",
        "Did you mean 'digits'?"),
    "an object of Python": Broken(
        "name: mnist", "name: !!python/object/apply:os.getcwd []", "YAML",
        "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.getcwd'"),
    "a number with too many digits": Broken(
        "epochs: 30", f"epochs: {'9' * 5000}", "YAML", "can't be read as a number"),
    "a tag that the text isn't": Broken(
        "epochs: 30", "epochs: !!bool maybe", "YAML", "'maybe' can't be read as !!bool"),
    "a time that is none": Broken(
        "name: mnist", "name: !!timestamp x", "YAML", "'x' can't be read as !!timestamp"),
    "a time that is not in the calendar": Broken(
        "name: mnist", "name: !!timestamp 2020-13-45", "YAML", "'2020-13-45' can't be read as !!timestamp"),
    "a form of a variable that is empty": Broken(
        "lake: ../build/lake", "variables: {date: today}\nlake: '../build/${date:}'", "lake",
        "has '${date:}', which is not filled in", "Write ${date} or, for a day, ${date:%Y/%m/%d}", line=1),
    "a variable in a path with a dash": Broken(
        "lake: ../build/lake", "lake: ../build/${my-date}", "lake", "has '${my-date}', which is not filled in",
        "Write ${name} or, for a day, ${name:%Y/%m/%d}"),
    "a variable's name with a dash": Broken(
        "lake: ../build/lake", "variables: {my-date: today}\nlake: ../build/lake", "variables.my-date",
        "received the name 'my-date', which text can't use", "Use letters, digits and _, e.g. my_date"),
    "a variable in a variable": Broken(
        "lake: ../build/lake", "variables: {base: in, place: '${ base }/x'}\nlake: ../build/${place}",
        "variables.place", "is '${ base }/x', but variables can't contain variables", "use both variables"),
    "more days than a date can be reckoned with": Broken(
        "lake: ../build/lake", "retain: {versions: 1, days: 1e12}\nlake: ../build/lake", "retain.days",
        "received 1000000000000.0 (a number), expected at most 700000"),
    "a key that is a list": Broken("name: mnist", "[a, b]: mnist\nname: mnist", "file", "a key isn't a scalar"),
}


def line_of(text: str, case: Broken) -> int | None:
    return None if case.line is None else text[: text.index(case.old)].count("\n") + 1 + case.line


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_a_mistake_is_answered_with_its_place_and_the_way_out(digits: str, problems: Load, case: Broken):
    assert case.old in digits
    [result] = problems(digits.replace(case.old, case.new, 1))
    assert (result.where, result.line) == (case.where, line_of(digits, case))
    assert case.message in result.problem
    assert case.hint in result.hint
    assert bool(case.hint) == bool(result.hint)


def test_the_workload_that_all_of_them_are_made_of_is_well(digits: str, problems: Load):
    assert problems(digits) == []


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(digits: str, problems: Load):
    for case in ("typo in a key", "an unknown format", "a feature of no kind", "a model's typo", "a cast to no type"):
        digits = digits.replace(TABLE[case].old, TABLE[case].new, 1)
    result = problems(digits)
    assert [problem.where for problem in result] == ["sources.captures.format", f"{CAPTURES}.3.cast.to",
                                                    "convert.features.image", "train.model.filter", "train.epoch"]
    assert [problem.line for problem in result] == sorted(problem.line or 0 for problem in result)


def test_contradictions_between_sections_are_told_at_once(digits: str, problems: Load):
    digits = digits.replace("ranks: 2", "ranks: 3").replace("split: test\n", "split: tests\n")
    result = problems(digits.replace("by: digit_id", "by: d"))
    assert [problem.where for problem in result] == ["convert.split.by", "train.ranks", "train.ranks", "evaluate.split"]
    assert "3 ranks don't divide the 16 lanes of a batch of 64" in result[1].problem
    assert "ranks may be 1, 2, 4, 8, 16" in result[1].hint


def test_a_mistake_under_an_anchor_is_told_for_each_table_that_uses_it(digits: str, problems: Load):
    result = problems(digits.replace("- length: {column: pixels", "- lenght: {column: pixels"))
    assert [problem.where for problem in result] == ["clean.pixels.rules.2", "clean.unlabelled.rules.2"]
    assert len({problem.line for problem in result}) == 1


# ---- files that are no workload at all


@pytest.mark.parametrize(("content", "where", "message", "line"), [
    (b"", "file", "contains nothing, expected a mapping", 1),
    (b"# only a comment\n", "file", "contains nothing, expected a mapping", 1),
    (b"- name: mnist\n", "file", "contains a list, expected a mapping", 1),
    (b"mnist\n", "file", "contains text, expected a mapping", 1),
    (b"a: 1\n---\nb: 2\n", "YAML", "expected a single document in the stream but found another document", 2),
    (b"name: mnist\nlake: \x00\x01\x02\n", "YAML", "the character U+0000 isn't allowed in YAML", 2),
    (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "file", "can't be read as UTF-8 text", None),
    ("name: münchen\n".encode("latin-1"), "file", "can't be read as UTF-8 text", None),
    (b"a: " + b"[" * 5000, "YAML", "is nested deeper than 50 levels", None),
    (b"a: " + b"[" * 60 + b"]" * 60, "YAML", "is nested deeper than 50 levels", None),
    (b"a: &a [*a]\n", "YAML", "is nested deeper than 50 levels", None),
], ids=["empty", "comment", "list", "text", "two documents", "control character", "picture", "latin-1", "deep and open",
        "deep", "itself"])
def test_a_file_that_is_not_a_workload_is_refused(
        problems: Load, content: bytes, where: str, message: str, line: int | None):
    [result] = problems(content)
    assert (result.where, result.line) == (where, line)
    assert message in result.problem


def test_a_bomb_of_aliases_is_refused_before_it_is_filled_in(problems: Load):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    [result] = problems(bomb)
    assert "contains more than 100,000 values" in result.problem


def test_a_file_that_is_absent_is_answered_with_its_neighbours(tmp_path: Path, digits: str):
    (tmp_path / "digits.yaml").write_text(digits)
    with pytest.raises(ConfigError) as caught:
        Workload.load(tmp_path / "digist.yaml")
    [result] = caught.value.problems
    assert (result.problem, result.hint) == ("there is no such file", f"Did you mean '{tmp_path / 'digits.yaml'}'?")


def test_only_a_neighbour_of_a_like_name_is_what_was_meant(tmp_path: Path, digits: str):
    (tmp_path / "sales.yaml").write_text(digits)
    with pytest.raises(ConfigError) as caught:
        Workload.load(tmp_path / "fraud.yaml")
    assert caught.value.problems[0].hint == f"There are: {tmp_path / 'sales.yaml'}"
    with pytest.raises(ConfigError) as caught:
        Workload.load(tmp_path / "sales.yml")
    assert caught.value.problems[0].hint == f"Did you mean '{tmp_path / 'sales.yaml'}'?"


def test_a_directory_is_not_a_workload(tmp_path: Path):
    with pytest.raises(ConfigError, match="can't be read as UTF-8 text: .*directory"):
        Workload.load(tmp_path)


def test_wrong_types_do_not_hide_contradictions_elsewhere(digits: str, problems: Load):
    text = digits.replace("epochs: 30", "epocs: 30").replace("column: captured_at, to", "column: captured, to")
    text = text.replace("master: local[2]", "master: local[2]\n  mastr: x")
    message = {(result.where, result.problem) for result in problems(text)}
    assert message == {
        ("train.epocs", "unknown key 'epocs'"),
        ("spark.mastr", "unknown key 'mastr'"),
        ("clean.captures.rules.3.cast", "there is no column 'captured'"),
    }


@pytest.mark.parametrize("sets", [["train.ranks={min: 1, max: 2}", "train.scaling={rate: linear}"], ["convert=3"]])
def test_sections_that_need_an_invalid_one_report_no_missing_section(digits: str, problems: Load, sets: list[str]):
    assert len(problems(digits, sets)) == 1


def test_a_section_that_is_wrong_itself_is_not_blamed_for_what_follows_from_that(digits: str, problems: Load):
    [result] = problems(digits, ["train.ranks=two"])
    assert result.problem == "received 'two', expected a whole number ≥ 1, or min and max"
    [result] = problems(digits.replace("table: digits\n", "tabel: digits\n").replace("to: int}", "to: int, x: 1}"))[:1]
    assert "unknown key" in result.problem


# ---- what --set gives


@pytest.mark.parametrize(("assignment", "where", "message", "hint"), [
    ("train.epoch=3", "--set train.epoch", "unknown key 'epoch'", "Did you mean 'epochs'?"),
    ("train.epochs=three", "--set train.epochs", "received 'three' (text), expected a whole number", ""),
    ("train.epochs=", "--set train.epochs", "received nothing, expected a whole number", ""),
    ("train.epochs", "--set", "received 'train.epochs', expected key=value such as train.epochs=3", ""),
    ("=3", "--set", "received '=3', expected key=value", ""),
    ("train..epochs=3", "--set", "received 'train..epochs=3', expected key=value", ""),
    ("trian.epochs=3", "--set trian", "unknown key 'trian'", "Did you mean 'train'?"),
    ("train.epochs.x=3", "--set train.epochs.x=3", "train.epochs is a number, expected a mapping or a list", ""),
    ("clean.pixels.rules.9={}", "--set clean.pixels.rules.9={}", "received '9', expected an index from 0 to 4", ""),
    ("clean.pixels.rules.x={}", "--set clean.pixels.rules.x={}", "received 'x', expected an index from 0 to 4", ""),
    ("train.ranks=16", "--set train.ranks", "16 ranks, but Spark (local[2]) has 2 slots", "Lower ranks to 2"),
    ("train.epochs=!!bool maybe", "--set train.epochs", "received '!!bool maybe' (text), expected a whole number", ""),
    ("lake=${ x }", "--set lake", "has '${ x }', which is not filled in", "Write ${name}"),
    ("spark.master=locl", "--set spark.master", "received 'locl', expected local[2]", ""),
])
def test_a_mistake_in_set_names_the_option_and_no_line(
        digits: str, problems: Load, assignment: str, where: str, message: str, hint: str):
    [result] = problems(digits, [assignment])
    assert (result.where, result.line) == (where, None)
    assert message in result.problem
    assert hint in result.hint


# ---- through the command line


def laketrain(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, where no Java can be had: whoever wanted one would say so."""
    environ = {**os.environ, "JAVA_HOME": str(folder / "no-java"), "PATH": str(folder)}
    return subprocess.run([sys.executable, "-m", "laketrain", *arguments], cwd=folder, env=environ, text=True,
                          capture_output=True, check=False)


@pytest.mark.parametrize("command", ["run", "check", "convert"])
def test_the_command_line_ends_with_code_2_and_no_stack_trace(tmp_path: Path, digits: str, command: str):
    (tmp_path / "digits.yaml").write_text(digits.replace("test: 0.1}", "test: 0.3}").replace("batch: 64", "batch: 0"))
    done = laketrain(command, "digits.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "[config] digits.yaml: 2 problems",
        "  - line 67, convert.split.fractions: the fractions sum to 1.2, expected 1",
        "  - line 72, train.batch: received 0 (a whole number), expected at least 1",
    ]


def test_a_mistake_in_set_ends_the_command_line_likewise(tmp_path: Path, digits: str):
    (tmp_path / "digits.yaml").write_text(digits)
    done = laketrain("run", "digits.yaml", "--set", "train.epoch=3", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "[config] digits.yaml: 1 problem", "  - --set train.epoch: unknown key 'epoch'. Did you mean 'epochs'?"]
    assert not (tmp_path / "build").exists()
