"""What the documents say is so: their YAML is accepted, their links lead somewhere, every key is described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import laketrain.config.clean
import laketrain.config.convert
import laketrain.config.integrate
import laketrain.config.sources
import laketrain.config.train
import laketrain.config.workload
from laketrain.cli import app
from laketrain.config.base import Section
from laketrain.features import Image, Key, Label
from laketrain.models.cnn import Cnn
from laketrain.workload import Job

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("benchmarks/*.md")])


def sections() -> Iterator[type]:
    for stage in ("clean", "convert", "integrate", "sources", "train", "workload"):
        for value in vars(getattr(laketrain.config, stage)).values():
            if isinstance(value, type) and issubclass(value, Section) and value is not Section:
                yield value
    yield from (Image, Label, Key, Cnn)


def test_every_key_of_the_config_is_described() -> None:
    text = (ROOT / "docs" / "config.md").read_text("utf-8")
    keys = {field.alias or name for section in sections() for name, field in section.model_fields.items()}
    absent = sorted(key for key in keys - {"rule", "statistics"} if f"`{key}`" not in text)
    assert absent == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_the_documents_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readmes_workload_is_accepted(tmp_path: Path) -> None:
    [snippet] = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    path = tmp_path / "mnist.yaml"
    path.write_text(snippet)
    assert Job.load(path).workload.name == "mnist"


def test_the_workload_that_we_ship_is_accepted() -> None:
    assert CliRunner().invoke(app, ["check", str(ROOT / "conf" / "mnist.yaml")]).exit_code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documents_exist(page: Path) -> None:
    verbs = set(re.findall(r"^(?:    |\$ )laketrain (\w+)", page.read_text("utf-8"), re.MULTILINE))
    for verb in verbs:
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0, verb
