"""The output of a benchmark: figures, ratios and bars."""

from __future__ import annotations

import pytest
from benchmarks import NAMES, clean_read, convert, growth, launch, memory, predict, read, train
from benchmarks.__main__ import last_line
from benchmarks.result import (
    Line,
    Result,
    at_least,
    at_most,
    below,
    megabytes,
    rate,
    seconds,
    shares,
    shares_below,
)
from rich.console import Console

# The names of the ratios, by which others read them.
KEYS = {
    "clean_read": ["csv_vs_spark", "json_vs_spark"],
    "convert": ["vs_dict_to_spark_row", "vs_spark_copy"],
    "convert_jpeg": ["vs_dict_to_spark_row", "vs_spark_copy"],
    "read": ["vs_petastorm_tf", "vs_pyarrow_scan"],
    "read_jpeg": ["vs_petastorm_tf", "vs_pyarrow_scan"],
    "train": ["vs_keras_in_memory", "waiting_share", "wide_vs_keras"],
    "launch": ["vs_horovod_spark_run"],
    "predict": ["vs_keras_predict"],
    "memory": ["peak_10x_over_1x"],
    "growth": ["clean", "convert", "epoch"],
}


def page(result: Result) -> str:
    console = Console(width=160)
    with console.capture() as captured:
        console.print(result.table())
    return captured.get()


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """Results of invented figures, two or three rounds each."""
    converted = convert.compare({convert.OURS: [40.0, 60.0], convert.PETASTORM: [4.0, 5.0],
                                 convert.COPY: [50.0, 80.0], convert.SHUFFLED: [30.0, 30.0]}, "2 rounds")
    been_read = read.compare({read.OURS: [90.0, 90.0, 80.0], read.PETASTORM: [3.0, 2.0, 1.0],
                              read.SCAN: [180.0, 90.0, 320.0]}, "3 rounds")
    return {
        "clean_read": clean_read.compare({clean_read.label(clean_read.OURS, "csv"): [90.0, 80.0],
                                          clean_read.label(clean_read.SPARK, "csv"): [100.0, 100.0],
                                          clean_read.label(clean_read.OURS, "json"): [30.0, 50.0],
                                          clean_read.label(clean_read.SPARK, "json"): [100.0, 100.0]}, "2 rounds"),
        "convert": converted, "convert_jpeg": converted.without_bars("convert_jpeg"),
        "read": been_read, "read_jpeg": been_read.without_bars("read_jpeg"),
        "train": train.compare({train.label(train.OURS, "small"): [train.Fitted(33.0, 0.02), train.Fitted(27.0, 0.04)],
                                train.label(train.KERAS, "small"): [train.Fitted(30.0), train.Fitted(30.0)],
                                train.label(train.OURS, "wide"): [train.Fitted(24.0), train.Fitted(24.0)],
                                train.label(train.KERAS, "wide"): [train.Fitted(30.0), train.Fitted(30.0)]},
                               "2 rounds"),
        "launch": launch.compare({launch.OURS: [(10.0, 2.0), (8.0, 4.0)], launch.HOROVOD: [(15.0, 12.0), (14.0, 12.0)]},
                                 "2 rounds"),
        "predict": predict.compare({predict.OURS: [90.0, 95.0], predict.KERAS: [100.0, 100.0]}, "2 rounds"),
        "memory": memory.compare({memory.TENSORFLOW: [300.0], memory.label(1): [500.0], memory.label(3): [510.0],
                                  memory.label(10): [520.0]}, "1 round"),
        "growth": growth.compare({"clean, 0×": [1.0, 1.0], "clean, 1×": [2.0, 3.0], "clean, 10×": [20.0, 33.0],
                                  "convert, 0×": [0.5, 0.5], "convert, 1×": [1.0, 1.0], "convert, 10×": [9.0, 9.0],
                                  "epoch, 1×": [1.0, 1.0], "epoch, 10×": [11.0, 11.0]},
                                 {"clean": 300, "convert": 40, "epoch": 40}, "2 rounds"),
    }


def test_every_benchmark_has_its_ratios_by_name(results):
    assert {name: list(result.ratios) for name, result in results.items()} == KEYS
    assert {*KEYS, "scaling"} == set(NAMES)  # which has tests of its own


@pytest.mark.parametrize(("name", "expected"), [
    ("clean_read", {"csv_vs_spark": 0.85, "json_vs_spark": 0.4}),
    ("convert", {"vs_dict_to_spark_row": 11.0, "vs_spark_copy": 0.775}),
    ("read", {"vs_petastorm_tf": 45.0, "vs_pyarrow_scan": 0.5}),
    ("train", {"vs_keras_in_memory": 1.0, "waiting_share": 0.03, "wide_vs_keras": 0.8}),
    ("predict", {"vs_keras_predict": 0.925}),
])
def test_more_rows_per_second_than_the_other_side_is_a_ratio_above_one(results, name, expected):
    assert results[name].ratios == pytest.approx(expected)


def test_a_launch_of_fewer_seconds_is_a_ratio_above_one_and_cold_ones_have_no_bar(results):
    assert results["launch"].ratios == {"vs_horovod_spark_run": 4.5}
    warm, cold = (results["launch"].lines[index].cells() for index in (1, 3))
    assert warm == ("horovod.spark.run, warm", "12.0 s (12.0 – 12.0)", "4.50 ×", "≥ 5 ×", "[red]not met[/]")
    assert cold == ("horovod.spark.run, cold", "14.5 s (14.0 – 15.0)", "1.62 ×", "", "")


def test_more_memory_at_ten_times_the_rows_is_a_ratio_above_one_and_only_that_has_a_bar(results):
    assert results["memory"].ratios == {"peak_10x_over_1x": 1.04}
    three, ten = (line.cells() for line in results["memory"].lines[2:])
    assert three == ("a rank, 3× the rows", "510 MB (510 – 510)", "1.02 ×", "", "")
    assert ten == ("a rank, 10× the rows", "520 MB (520 – 520)", "1.04 ×", "< 1.1 ×", "[green]met[/]")


def test_growth_is_the_time_at_ten_times_the_rows_over_that_at_one_with_both_sizes(results):
    assert results["growth"].ratios == {"clean": 10.5, "convert": 9.0, "epoch": 11.0}
    verdicts = [line.cells()[4] for line in results["growth"].lines if line.key]
    assert verdicts == ["[green]met[/]", "[green]met[/]", "[red]not met[/]"]
    labels = [line.label for line in results["growth"].lines]
    assert labels[:3] == ["clean, 200 rows of CSV", "clean, 300 rows of CSV", "clean, 3,000 rows of CSV"]
    assert "10× against 1×" in page(results["growth"])


def test_other_data_have_the_same_ratios_without_bars(results):
    assert results["convert_jpeg"].ratios == results["convert"].ratios
    assert "met" in page(results["convert"])
    assert "met" not in page(results["convert_jpeg"])
    assert "convert_jpeg: 2 rounds" in page(results["convert_jpeg"])


def test_the_last_line_of_one_benchmark_is_its_ratios(results):
    assert last_line([results["launch"]], "launch") == '{"vs_horovod_spark_run": 4.5}'


def test_the_last_line_of_all_is_by_benchmark(results):
    assert last_line([results["read"], results["launch"]], None) == (
        '{"read": {"vs_petastorm_tf": 45.0, "vs_pyarrow_scan": 0.5}, "launch": {"vs_horovod_spark_run": 4.5}}')


@pytest.mark.parametrize(("bar", "value", "met"), [
    (at_least(10), 10.0, True), (at_least(10), 9.99, False), (at_least(0.7), 0.71, True),
    (shares_below(0.03), 0.03, False), (shares_below(0.03), 0.0, True),
    (at_most(10.5), 10.5, True), (at_most(10.5), 10.51, False), (below(1.1), 1.1, False), (below(1.1), 1.09, True),
])
def test_a_bar_is_met_from_its_limit_on(bar, value, met):
    assert bar.met(value) is met
    assert ("not met" not in page(Result("read", "", [Line("theirs", "", "key", value, bar)]))) is met


def test_a_bar_is_shown_with_its_limit():
    assert (at_least(10).text, at_least(0.7).text, shares_below(0.03).text) == ("≥ 10 ×", "≥ 0.7 ×", "< 3%")
    assert (at_most(10.5).text, below(1.1).text) == ("≤ 10.5 ×", "< 1.1 ×")


def test_a_share_is_shown_in_percent_and_a_ratio_as_a_factor():
    assert Line("ours", "", "share", 0.025, shares_below(0.03)).cells()[2] == "2.5%"
    assert Line("theirs", "", "ratio", 0.025, at_least(1)).cells()[2] == "0.03 ×"


def test_a_side_without_a_ratio_is_shown_and_is_not_in_the_json():
    result = Result("read", "5 rows", [Line("ours", rate([1.0]))])
    assert result.ratios == {}
    assert "ours" in page(result)
    assert "read: 5 rows" in page(result)


def test_a_ratio_of_zero_is_in_the_json():
    assert Result("train", "", [Line("waiting", "", "waiting_share", 0.0)]).ratios == {"waiting_share": 0.0}


@pytest.mark.parametrize(("words", "text"), [
    (rate([3000.0, 1000.4, 2000.0]), "2,000 rows/s (1,000 – 3,000)"),
    (rate([1.0], "images/s"), "1 images/s (1 – 1)"),
    (seconds([1.0, 2.0]), "1.5 s (1.0 – 2.0)"),
    (megabytes([1500.0, 500.0]), "1,000 MB (500 – 1,500)"),
    (shares([0.01, 0.02, 0.5]), "2.0% (1.0% – 50.0%)"),
])
def test_figures_are_the_median_with_the_minimum_and_the_maximum(words, text):
    assert words == text
