"""The documents are correct: YAML is accepted, commands and links exist, every key is in its table."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel
from typer.testing import CliRunner

import laketrain.config.augment
import laketrain.config.convert
import laketrain.config.integrate
import laketrain.config.retain
import laketrain.config.sources
import laketrain.config.spark
import laketrain.config.track
import laketrain.config.train
from laketrain.cli import app
from laketrain.config.base import Section
from laketrain.config.clean import CleanTable, Rule
from laketrain.config.integrate import BaseStep, Step
from laketrain.config.language.document import Document
from laketrain.config.sources import BaseSource, ServerSource, TableSource
from laketrain.features.schema import AnyFeature
from laketrain.models import AnyModel
from laketrain.workload import Convert, Train, Workload

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("benchmarks/*.md")])
CONFIG = ROOT / "docs" / "reference" / "config.md"
PLACES = {"Workload": "Top level", "CleanTable": "`clean.<table>`", "IntegrateTable": "`integrate.<table>`",
          "FileSource": "`sources.<source>`", "KafkaSource": "`sources.<source>` with `format: kafka`",
          "JdbcSource": "`sources.<source>` with `format: jdbc`",
          "ConnectorSource": "`sources.<source>` with `format: delta`",
          "Partition": "`sources.<source>.partition`",
          "NearDuplicateSettings": "`convert.leakage.near_duplicates`",
          "ByColumn": "`convert.split.by_column`", "ByTime": "`convert.split.by_time`",
          "EarlyStopping": "`train.early_stopping`",
          "ReduceLrOnPlateau": "`train.reduce_lr_on_plateau`", "RetrainWhen": "`train.retrain_when`",
          "Loss": "`train.loss.<target>`",
          "UnmatchedPolicy": "`join.unmatched`", "AsOfUnmatchedPolicy": "`as_of.unmatched`"}
"""Headings of sections whose class is not called as its key."""

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def members_of(union: Any) -> list[type[BaseModel]]:
    return list(get_args(get_args(union)[0]))


def models_by_heading() -> Iterator[tuple[str, type[BaseModel], str]]:
    """Every model of the config: how its heading ends, and the key that chooses it."""
    for section in (Workload, Convert, Train):
        yield PLACES.get(section.__name__, section.__name__.lower()), section, ""
    for stage in ("augment", "convert", "integrate", "retain", "sources", "spark", "track", "train"):
        for name, value in vars(getattr(laketrain.config, stage)).items():
            shared = (Section, BaseSource, ServerSource, TableSource, CleanTable)
            if isinstance(value, type) and issubclass(value, Section) and not (
                    value in shared or issubclass(value, BaseStep)):
                yield PLACES.get(name, name.removesuffix("Policy").lower()), value, ""
    yield PLACES["CleanTable"], CleanTable, ""
    for noun, key, union in (("rule", "rule", Rule), ("step", "step", Step), ("kind", "kind", AnyFeature),
                             ("model", "name", AnyModel)):
        for model in members_of(union):
            yield f"{noun} `{get_args(model.model_fields[key].annotation)[0]}`", model, key


MODELS = {model: (heading, key) for heading, model, key in models_by_heading()}


def tables(page: str) -> dict[str, list[str]]:
    """Heading -> the first cells of the rows below it."""
    result = {}
    for part in re.split(r"^#{2,} ", page, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        result[heading] = re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)
    return result


def set_by_hand(model: type[BaseModel], chooser: str) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name not in (chooser, "statistics")
            and not (chooser == "kind" and (field.description or "").startswith("Fitted by convert."))]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("config_reference", ROOT / "tools" / "config_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_config_is_up_to_date(tool: ModuleType) -> None:
    same = CONFIG.read_text("utf-8") == tool.reference()
    assert same, "docs/reference/config.md is out of date: run make reference"


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    import cli_reference

    same = cli_reference.PAGE.read_text("utf-8") == cli_reference.reference()
    assert same, "docs/reference/cli.md is out of date: run make reference"


def test_the_page_of_the_python_api_is_up_to_date() -> None:
    import api_reference

    same = api_reference.PAGE.read_text("utf-8") == api_reference.reference()
    assert same, "docs/reference/api.md is out of date: run make reference"


def test_the_page_of_the_python_api_has_every_public_name() -> None:
    import api_reference

    shown = {name for names in api_reference.GROUPS.values() for name in names}
    assert set(laketrain.__all__) - {"__version__"} <= shown


def test_the_page_of_the_types_is_up_to_date() -> None:
    import type_reference

    same = type_reference.PAGE.read_text("utf-8") == type_reference.reference()
    assert same, "docs/reference/types.md is out of date: run make reference"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_keys_of_each_section_are_in_its_table(model: type[BaseModel]) -> None:
    heading, chooser = MODELS[model]
    [keys] = [keys for title, keys in tables(CONFIG.read_text("utf-8")).items()
              if re.search(rf"(^|[`.]){re.escape(heading)}s?`?$", title)]
    assert keys == set_by_hand(model, chooser)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_field_has_a_description(model: type[BaseModel]) -> None:
    _, chooser = MODELS[model]
    assert [name for name, field in model.model_fields.items() if name != chooser and not field.description] == []


def slugs(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_links_between_the_documents_have_targets(page: Path) -> None:
    lost = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text("utf-8")):
        linked = page.parent / target if target else page
        if not linked.exists() or (anchor and anchor not in slugs(linked)):
            lost.append(f"{target}#{anchor}")
    assert lost == []


SNIPPETS = [(page, index, text) for page in PAGES
            for index, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL))]


@pytest.mark.parametrize(("page", "index", "text"), SNIPPETS,
                         ids=[f"{page.relative_to(ROOT)}-{index}" for page, index, _ in SNIPPETS])
def test_yaml_in_the_documents_is_accepted(page: Path, index: int, text: str, tmp_path: Path) -> None:
    path = tmp_path / "snippet.yaml"
    path.write_text(text)
    data = Document.read(path).data
    assert data
    if {"name", "lake", "sources"} <= set(data):
        assert Workload.load(path, lake=str(tmp_path / "lake")).name == data["name"]


def test_the_readme_shows_a_whole_workload() -> None:
    [snippet] = [text for page, _, text in SNIPPETS if page == ROOT / "README.md"]
    assert snippet.startswith("name: ") and "\nsources:" in snippet


def test_the_workload_that_we_ship_is_accepted() -> None:
    assert CliRunner().invoke(app, ["check", str(ROOT / "conf" / "mnist.yaml")]).exit_code == 0


def commands(page: Path) -> list[str]:
    """The commands on a page: on a line of their own, or as code within a sentence."""
    text = page.read_text("utf-8")
    return [*re.findall(r"^(?:    |\$ )(laketrain .*)$", text, re.MULTILINE),
            *re.findall(r"`(laketrain [a-z][^`\n]*)`", text)]


@each_page
def test_commands_in_the_documents_exist_with_their_options(page: Path) -> None:
    group: Any = typer.main.get_command(app)
    for command in commands(page):
        _, verb, *rest = shlex.split(command, comments=True)
        assert verb in group.commands, command
        options = {name for parameter in group.commands[verb].params for name in parameter.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= options, command
        if rest:  # a single verb within a sentence is only a name
            group.commands[verb].make_context(verb, rest)


def test_the_documents_show_commands() -> None:
    assert len([command for page in PAGES for command in commands(page)]) > 10
