"""The folder and its commands: settings that ranks need, paths that hold elsewhere, and no secret anywhere."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.deploy import Cluster, Package, package
from laketrain.errors import ConfigError
from laketrain.workload import Workload

CONFIG = """\
name: sales
lake: {lake}
variables: {{date: 2026-11-20}}
sources:
  sales: {{format: csv, path: "landing/${{date}}.csv", schema: {{id: int, price: double, label: int}}}}
clean: {{sales: {{rules: [{{range: {{column: price, min: 0}}}}]}}}}
convert:
  table: sales
  features: {{price: {{kind: number}}, label: {{kind: label, classes: 2}}}}
  split: {{by: id, fractions: {{train: 0.8, val: 0.1, test: 0.1}}}}
train: {{model: {{name: linear}}, epochs: 1, batch: 16, ranks: 4}}
"""
ENVIRONMENT = "hdfs://namenode/apps/environment.tar.gz"
LAKE = "hdfs://namenode/lake"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "sales.yaml"
    path.parent.mkdir()
    path.write_text(CONFIG.format(lake=LAKE))
    return path


def made(config: Path, cluster: Cluster, *sets: str, stage: str | None = None) -> Package:
    return package(Workload.load(config, sets), config.parent / "out", cluster, sets=sets, stage=stage,
                   environment=ENVIRONMENT)


def words_of(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", ""))


def settings_of(words: list[str]) -> dict[str, str]:
    given = [words[place + 1] for place, word in enumerate(words) if word == "--conf"]
    return dict(each.split("=", 1) for each in given)


@pytest.mark.parametrize("name", ["a folder", "50%", "a%20b", "c#1", "Zähler"])
def test_spark_reads_every_path_as_it_is_in_the_package(config: Path, name: str) -> None:
    folder = config.parent / name
    folder.mkdir()
    environment = folder / "packed.tar.gz"
    environment.touch()
    made = package(Workload.load(config), folder, Cluster(), environment=str(environment))
    words = words_of(made.commands["cluster"])
    archive, code, file = (urlsplit(words[words.index(f"--{option}") + 1]) for option in (
        "archives", "py-files", "files"))
    job = urlsplit(next(word for word in words if word.endswith("job.py")))
    assert {url.scheme for url in (archive, code, file, job)} == {"file"}
    assert [unquote(url.path) for url in (archive, code, file, job)] == [
        str(environment), f"{folder}/code.zip", f"{folder}/sales.yaml", f"{folder}/job.py"]
    assert [url.fragment for url in (archive, code, file, job)] == ["environment", "", "", ""]


@pytest.mark.parametrize("name", ["a[b", "a{b", "a*", "a,b"])
def test_a_path_that_spark_would_take_for_a_pattern_is_refused(config: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"in a path for a part of a pattern\. Name another folder by --out"):
        package(Workload.load(config), config.parent / name, Cluster(), environment=ENVIRONMENT)
    assert not (config.parent / name).exists()


def test_both_modes_have_a_slot_a_rank_and_the_packed_python_everywhere(config: Path) -> None:
    commands = {mode: words_of(text) for mode, text in made(config, Cluster(cores=2)).commands.items()}
    for mode, words in commands.items():
        assert words[:5] == ["spark-submit", "--master", "yarn", "--deploy-mode", mode]
        assert words[words.index("--archives") + 1] == f"{ENVIRONMENT}#environment"
        told = settings_of(words)
        assert (told["spark.executor.instances"], told["spark.executor.cores"]) == ("2", "2")
        assert told["spark.dynamicAllocation.enabled"] == "false"
        assert told["spark.pyspark.python"] == "./environment/bin/python"
    out = config.parent / "out"
    assert commands["client"][-6:-4] == [(out / "job.py").as_uri(), f"{out}/sales.yaml"]
    assert commands["cluster"][-6:-4] == [(out / "job.py").as_uri(), "sales.yaml"]
    assert (out / "sales.yaml").as_uri() in commands["cluster"]
    assert settings_of(commands["cluster"])["spark.pyspark.driver.python"] == "./environment/bin/python"


def test_the_copy_of_the_config_and_the_jobs_arguments_are_the_same_workload(config: Path) -> None:
    found = made(config, Cluster(), "train.epochs=3", "date=2026-11-21")
    words = words_of(found.commands["client"])
    assert words[-8:] == ["--set", f'sources.sales.path="{config.parent}/landing/${{date}}.csv"', "--set",
                          "train.epochs=3", "--set", "date=2026-11-21", "--lake", LAKE]
    sets = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    there, here = Workload.load(found.folder / "sales.yaml", sets), Workload.load(config, sets[1:])
    assert there == here
    assert found.notes == (f"sources.sales.path is {config.parent}/landing/${{date}}.csv: every node must see it under "
                           "that path, or give --set sources.sales.path=hdfs://…",)


def test_a_lake_on_this_machines_disk_is_noted(config: Path) -> None:
    config.write_text(CONFIG.format(lake="lake"))
    notes = made(config, Cluster(), "sources.sales.path=s3://bucket/sales.csv").notes
    assert len(notes) == 1
    assert notes[0].startswith(f"lake is {config.parent}/lake: every node must see it")


def test_fewer_slots_than_ranks_are_refused_with_both_numbers(config: Path) -> None:
    with pytest.raises(ConfigError, match="3 executors of 1 cores have 3 slots, the config asks for up to 4 ranks"):
        made(config, Cluster(executors=3))


def test_settings_of_ones_own_win(config: Path) -> None:
    words = words_of(made(config, Cluster(conf={"spark.executor.memory": "9g", "spark.x": "a b"})).commands["client"])
    told = settings_of(words)
    assert (told["spark.executor.memory"], told["spark.x"]) == ("9g", "a b")
    assert len([word for word in words if word.startswith("spark.executor.memory=")]) == 1


def test_a_stage_alone_is_that_stages_job_and_an_unknown_one_is_refused(config: Path) -> None:
    assert "run_job('train')" in (made(config, Cluster(), stage="train").folder / "job.py").read_text()
    assert "run_job()" in (made(config, Cluster()).folder / "job.py").read_text()
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        made(config, Cluster(), stage="trian")


SECRET = "abcd1234"


@pytest.mark.parametrize(("text", "sets", "conf", "where"), [
    (f"spark: {{conf: {{spark.hadoop.fs.s3a.secret.key: {SECRET}}}}}\n", (), {},
     r"spark\.conf\.spark\.hadoop\.fs\.s3a\.secret\.key"),
    ("", (f"variables.password={SECRET}",), {}, "variables.password"),
    ("", (f"sources.sales.path='https://ann:{SECRET}@host/x.csv'",), {}, "sources.sales.path"),
    ("", (), {"spark.hadoop.fs.s3a.access.key": SECRET}, r"--conf spark\.hadoop\.fs\.s3a\.access\.key"),
], ids=["in the config", "in a --set", "in a URL", "in a setting"])
def test_a_secret_is_refused_and_neither_packed_nor_repeated(
        config: Path, text: str, sets: tuple[str, ...], conf: dict[str, str], where: str) -> None:
    config.write_text(config.read_text() + text)
    with pytest.raises(ConfigError, match=where) as caught:
        made(config, Cluster(conf=conf), *sets)
    assert SECRET not in str(caught.value)
    assert not (config.parent / "out").exists()


SERVERS = """\
  events: {format: kafka, servers: "broker:9092", topics: [events], schema: {id: string, access_token: string},
           secrets: {sasl.jaas.config: KAFKA_JAAS}}
  orders: {format: jdbc, url: "jdbc:postgresql://db:5432/shop", table: orders, user_env: SHOP_USER,
           password_env: SHOP_PASSWORD}
  prices: {format: delta, path: prices, secrets: {fs.key: LAKE_KEY}}
"""


def test_sources_at_servers_are_packed_with_the_names_of_their_secrets(config: Path) -> None:
    config.write_text(CONFIG.format(lake=LAKE).replace("clean:", f"{SERVERS}clean:"))
    found = made(config, Cluster(conf={"spark.hadoop.hadoop.security.credential.provider.path": "jceks://hdfs/keys"}),
                 "sources.orders.schema={signature: binary}")
    words = words_of(found.commands["client"])
    assert f'sources.prices.path="{config.parent}/prices"' in words
    assert not [word for word in words if "events.path" in word or "orders.path" in word]
    assert "KAFKA_JAAS" in (found.folder / "sales.yaml").read_text()


@pytest.mark.parametrize("key", ["password", "variables.password"])
def test_a_secret_in_a_variable_is_refused_whichever_way_it_is_given(config: Path, key: str) -> None:
    config.write_text(config.read_text().replace("variables: {", "variables: {password: '', "))
    with pytest.raises(ConfigError, match=f"--set {key}: holds a secret"):
        made(config, Cluster(), f"{key}={SECRET}")


def test_kubernetes_gets_an_image_settings_and_a_command(config: Path) -> None:
    cluster = Cluster("k8s://https://kube:6443", image="registry/laketrain:1",
                      secrets={"AWS_SECRET_ACCESS_KEY": "lake:secret-key"})
    (config.parent / "packed.tar.gz").write_bytes(b"packed")
    found = package(Workload.load(config), config.parent / "out", cluster,
                    environment=str(config.parent / "packed.tar.gz"))
    assert (found.folder / "environment.tar.gz").read_bytes() == b"packed"
    docker, defaults = ((found.folder / name).read_text() for name in ("Dockerfile", "spark-defaults.conf"))
    assert docker.count("\nFROM ") == 2
    assert "\nADD environment.tar.gz /opt/laketrain/environment/\n" in docker
    assert '\nCOPY ["code.zip", "job.py", "sales.yaml", "/opt/laketrain/"]\n' in docker
    assert 'ENTRYPOINT ["/opt/entrypoint.sh"]' in docker
    told = dict(line.split(" ", 1) for line in defaults.splitlines())
    assert told["spark.kubernetes.container.image"] == "registry/laketrain:1"
    assert told["spark.executor.instances"] == "4"
    assert told["spark.pyspark.python"] == "/opt/laketrain/environment/bin/python"
    for role in ("driver", "executor"):
        assert told[f"spark.kubernetes.{role}.secretKeyRef.AWS_SECRET_ACCESS_KEY"] == "lake:secret-key"
    words = words_of(found.commands["cluster"])
    assert words[:5] == ["spark-submit", "--master", "k8s://https://kube:6443", "--deploy-mode", "cluster"]
    assert words[words.index("--properties-file") + 1] == str(found.folder / "spark-defaults.conf")
    assert words[-6:-4] == ["local:///opt/laketrain/job.py", "/opt/laketrain/sales.yaml"]


@pytest.mark.parametrize(("cluster", "said"), [
    (Cluster("k8s://https://kube:6443"), "--image: is missing"),
    (Cluster("k8s://https://kube:6443", image="x", secrets={"KEY": "lake"}), "KEY=lake, expected VARIABLE=secret:key"),
])
def test_what_kubernetes_lacks_is_said(config: Path, cluster: Cluster, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(config, cluster)


def test_an_image_is_built_of_its_folder_alone(config: Path) -> None:
    cluster = Cluster("k8s://https://kube:6443", image="registry/laketrain:1")
    with pytest.raises(ConfigError, match=r"a URL, expected a local archive.*hdfs dfs -get"):
        made(config, cluster)
    with pytest.raises(ConfigError, match="no file, expected a local archive"):
        package(Workload.load(config), config.parent / "out", cluster, environment="nowhere.tar.gz")
    assert not (config.parent / "out").exists()
    archive, mark = (config.parent / "out" / name for name in ("environment.tar.gz", "environment.tar.gz.json"))
    archive.parent.mkdir()
    for file in (archive, mark, config.parent / "packed.tar.gz"):
        file.write_text(file.name)
    package(Workload.load(config), archive.parent, cluster, environment=str(archive))
    assert archive.read_text() == "environment.tar.gz" and mark.exists()
    package(Workload.load(config), archive.parent, cluster, environment=str(config.parent / "packed.tar.gz"))
    assert archive.read_text() == "packed.tar.gz" and not mark.exists()


def test_an_image_takes_a_config_whatever_its_name(config: Path) -> None:
    odd = config.with_name("my [new] sales.yaml")
    config.rename(odd)
    (odd.parent / "packed.tar.gz").touch()
    docker = (package(Workload.load(odd), odd.parent / "out", Cluster("k8s://https://kube:6443", image="x"),
                      environment=str(odd.parent / "packed.tar.gz")).folder / "Dockerfile").read_text()
    [copied] = [json.loads(line.removeprefix("COPY ")) for line in docker.splitlines() if line.startswith("COPY [")]
    assert copied == ["code.zip", "job.py", "my [[]new] sales.yaml", "/opt/laketrain/"]


def test_the_command_line_prints_the_commands_and_notes_apart(config: Path) -> None:
    done = CliRunner().invoke(app, ["package", str(config), "--out", str(config.parent / "out"), "--environment",
                                    ENVIRONMENT, "--conf", "spark.x=1"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# client mode\nspark-submit \\\n  --master yarn \\\n  --deploy-mode client")
    assert "spark.x=1" in done.stdout
    assert done.stderr.startswith("note: sources.sales.path")
    refused = CliRunner().invoke(app, ["package", str(config), "--conf", "spark.x"])
    assert refused.exit_code == 2
    assert "received 'spark.x', expected key=value" in refused.stderr
