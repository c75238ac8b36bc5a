"""Integrated tables made of others, through the pipeline: what is read, what is made anew, what the report shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laketrain import Pipeline
from laketrain.pipeline.stages import in_order
from laketrain.report.run import Run
from laketrain.report.sections.flow import flow
from laketrain.stages import RunRecord

from ..tables import land_files, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

WORKLOAD = """\
name: ward
lake: lake
sources:
  visits:
    {format: csv, path: landing/visits.csv, schema: {who: string, at: string, code: string}, options: {header: true}}
  people: {format: csv, path: landing/people.csv, schema: {who: string, born: string}, options: {header: true}}
clean: {visits: {}, people: {}}
integrate:
  visits:
    table: visits
    steps:
      - join: {table: people, on: [who], relation: many-to-one, unmatched: {left: quarantine}}
      - sql: SELECT * FROM visits WHERE code <> 'z'
  histories:
    table: visits
    steps:
      - history: {by: [who], order: at, columns: [code, born], last: 9}
"""


@pytest.fixture(scope="module")
def pipeline(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("ward")
    land_files(folder / "landing", {"visits.csv": "who,at,code\na,2,y\na,1,x\nb,1,x\nq,1,x\nb,3,z\n",
                                    "people.csv": "who,born\na,1950\nb,1951\n"})
    path = Path(folder) / "ward.yaml"
    path.write_text(WORKLOAD)
    pipeline = Pipeline(path, spark=spark)
    pipeline.run(last="integrate")
    return pipeline


def test_a_name_means_the_table_declared_above_and_else_the_clean_one(pipeline: Pipeline):
    visits, histories = pipeline.version("integrated/visits"), pipeline.version("integrated/histories")
    assert visits.entry.parents == {"clean/visits": 1, "clean/people": 1}
    assert histories.entry.parents == {"integrated/visits": 1}
    assert sorted(rows_of(histories), key=lambda row: row["who"]) == [
        {"who": "a", "code": ["x", "y"], "born": ["1950", "1950"]}, {"who": "b", "code": ["x"], "born": ["1951"]}]


def test_a_second_run_finds_all_of_it(pipeline: Pipeline):
    result = Pipeline(pipeline.workload.source, spark=pipeline.spark).run(last="integrate")
    assert not result.changed


def test_the_report_shows_the_rows_from_step_to_step(pipeline: Pipeline):
    record = RunRecord(pipeline.workload, str(pipeline.workload.source), in_order(),
                       pipeline.outcomes[0].version.created, 1.0, tuple(pipeline.outcomes), None)
    result = flow(Run(pipeline.lake, record))
    assert result is not None
    assert [(step.stage, step.rows_in, step.out, step.quarantined) for step in result.steps
            if step.ref == "integrated/visits@1"] == [
        ("integrate", 5, 3, 1), ("– join(people)", 5, 4, 1), ("– sql", 4, 3, 0)]
    columns = {card.ref: card.x for card in result.wide.cards}
    assert columns["clean/visits@1"] < columns["integrated/visits@1"] < columns["integrated/histories@1"]
