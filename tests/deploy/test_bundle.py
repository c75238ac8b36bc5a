"""The package has the settings that ranks need, paths that are valid on other machines, and no secret."""

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


def packaged(config: Path, cluster: Cluster, *sets: str, stage: str | None = None) -> Package:
    return package(Workload.load(config, sets), config.parent / "out", cluster, sets=sets, stage=stage,
                   environment=ENVIRONMENT)


def words_of(command: str) -> list[str]:
    return shlex.split(command.replace("\\\n", ""))


def settings_of(words: list[str]) -> dict[str, str]:
    settings = [words[index + 1] for index, word in enumerate(words) if word == "--conf"]
    return dict(each.split("=", 1) for each in settings)


@pytest.mark.parametrize("name", ["a folder", "50%", "a%20b", "c#1", "Zähler"])
def test_spark_reads_every_path_of_the_package(config: Path, name: str) -> None:
    folder = config.parent / name
    folder.mkdir()
    environment = folder / "packed.tar.gz"
    environment.touch()
    result = package(Workload.load(config), folder, Cluster(), environment=str(environment))
    words = words_of(result.commands["cluster"])
    archive, code, file = (urlsplit(words[words.index(f"--{option}") + 1]) for option in (
        "archives", "py-files", "files"))
    job = urlsplit(next(word for word in words if word.endswith("job.py")))
    assert {url.scheme for url in (archive, code, file, job)} == {"file"}
    assert [unquote(url.path) for url in (archive, code, file, job)] == [
        str(environment), f"{folder}/code.zip", f"{folder}/sales.yaml", f"{folder}/job.py"]
    assert [url.fragment for url in (archive, code, file, job)] == ["environment", "", "", ""]


@pytest.mark.parametrize("name", ["a[b", "a{b", "a*", "a,b"])
def test_a_path_that_spark_would_read_as_a_pattern_is_refused(config: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"in a path as part of a pattern\. Name another folder by --out"):
        package(Workload.load(config), config.parent / name, Cluster(), environment=ENVIRONMENT)
    assert not (config.parent / name).exists()


def test_both_modes_have_a_slot_for_each_rank_and_use_the_packed_python(config: Path) -> None:
    commands = {mode: words_of(text) for mode, text in packaged(config, Cluster(cores=2)).commands.items()}
    for mode, words in commands.items():
        assert words[:5] == ["spark-submit", "--master", "yarn", "--deploy-mode", mode]
        assert words[words.index("--archives") + 1] == f"{ENVIRONMENT}#environment"
        settings = settings_of(words)
        assert (settings["spark.executor.instances"], settings["spark.executor.cores"]) == ("2", "2")
        assert settings["spark.dynamicAllocation.enabled"] == "false"
        assert settings["spark.pyspark.python"] == "./environment/bin/python"
    out = config.parent / "out"
    assert commands["client"][-6:-4] == [(out / "job.py").as_uri(), f"{out}/sales.yaml"]
    assert commands["cluster"][-6:-4] == [(out / "job.py").as_uri(), "sales.yaml"]
    assert (out / "sales.yaml").as_uri() in commands["cluster"]
    assert settings_of(commands["cluster"])["spark.pyspark.driver.python"] == "./environment/bin/python"


def test_the_packed_config_with_the_jobs_arguments_is_the_same_workload(config: Path) -> None:
    result = packaged(config, Cluster(), "train.epochs=3", "date=2026-11-21")
    words = words_of(result.commands["client"])
    assert words[-8:] == ["--set", f'sources.sales.path="{config.parent}/landing/${{date}}.csv"', "--set",
                          "train.epochs=3", "--set", "date=2026-11-21", "--lake", LAKE]
    sets = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
    packed, original = Workload.load(result.folder / "sales.yaml", sets), Workload.load(config, sets[1:])
    assert packed == original
    assert result.notes == (f"sources.sales.path is {config.parent}/landing/${{date}}.csv: every node must see it "
                            "under that path; if not, use --set sources.sales.path=hdfs://…",)


def test_a_lake_on_this_machines_disk_is_noted(config: Path) -> None:
    config.write_text(CONFIG.format(lake="lake"))
    notes = packaged(config, Cluster(), "sources.sales.path=s3://bucket/sales.csv").notes
    assert len(notes) == 1
    assert notes[0].startswith(f"lake is {config.parent}/lake: every node must see it")


def test_fewer_slots_than_ranks_are_refused_with_both_numbers(config: Path) -> None:
    with pytest.raises(ConfigError, match="3 executors of 1 cores have 3 slots, the config asks for up to 4 ranks"):
        packaged(config, Cluster(executors=3))


def test_the_users_settings_override_ours(config: Path) -> None:
    cluster = Cluster(conf={"spark.executor.memory": "9g", "spark.x": "a b"})
    words = words_of(packaged(config, cluster).commands["client"])
    settings = settings_of(words)
    assert (settings["spark.executor.memory"], settings["spark.x"]) == ("9g", "a b")
    assert len([word for word in words if word.startswith("spark.executor.memory=")]) == 1


def test_a_single_stage_has_its_own_job_and_an_unknown_stage_is_refused(config: Path) -> None:
    assert "run_job('train')" in (packaged(config, Cluster(), stage="train").folder / "job.py").read_text()
    assert "run_job()" in (packaged(config, Cluster()).folder / "job.py").read_text()
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        packaged(config, Cluster(), stage="trian")


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
        packaged(config, Cluster(conf=conf), *sets)
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
    result = packaged(config, Cluster(conf={"spark.hadoop.hadoop.security.credential.provider.path": "jceks://hdfs/keys"}),
                 "sources.orders.schema={signature: binary}")
    words = words_of(result.commands["client"])
    assert f'sources.prices.path="{config.parent}/prices"' in words
    assert not [word for word in words if "events.path" in word or "orders.path" in word]
    assert "KAFKA_JAAS" in (result.folder / "sales.yaml").read_text()


@pytest.mark.parametrize("key", ["password", "variables.password"])
def test_a_secret_in_a_variable_is_refused_with_either_key(config: Path, key: str) -> None:
    config.write_text(config.read_text().replace("variables: {", "variables: {password: '', "))
    with pytest.raises(ConfigError, match=f"--set {key}: contains a secret"):
        packaged(config, Cluster(), f"{key}={SECRET}")


def test_kubernetes_gets_an_image_settings_and_a_command(config: Path) -> None:
    cluster = Cluster("k8s://https://kube:6443", image="registry/laketrain:1",
                      secrets={"AWS_SECRET_ACCESS_KEY": "lake:secret-key"})
    (config.parent / "packed.tar.gz").write_bytes(b"packed")
    result = package(Workload.load(config), config.parent / "out", cluster,
                    environment=str(config.parent / "packed.tar.gz"))
    assert (result.folder / "environment.tar.gz").read_bytes() == b"packed"
    docker, defaults = ((result.folder / name).read_text() for name in ("Dockerfile", "spark-defaults.conf"))
    assert docker.count("\nFROM ") == 2
    assert "\nADD environment.tar.gz /opt/laketrain/environment/\n" in docker
    assert '\nCOPY ["code.zip", "job.py", "sales.yaml", "/opt/laketrain/"]\n' in docker
    assert 'ENTRYPOINT ["/opt/entrypoint.sh"]' in docker
    settings = dict(line.split(" ", 1) for line in defaults.splitlines())
    assert settings["spark.kubernetes.container.image"] == "registry/laketrain:1"
    assert settings["spark.executor.instances"] == "4"
    assert settings["spark.pyspark.python"] == "/opt/laketrain/environment/bin/python"
    for role in ("driver", "executor"):
        assert settings[f"spark.kubernetes.{role}.secretKeyRef.AWS_SECRET_ACCESS_KEY"] == "lake:secret-key"
    words = words_of(result.commands["cluster"])
    assert words[:5] == ["spark-submit", "--master", "k8s://https://kube:6443", "--deploy-mode", "cluster"]
    assert words[words.index("--properties-file") + 1] == str(result.folder / "spark-defaults.conf")
    assert words[-6:-4] == ["local:///opt/laketrain/job.py", "/opt/laketrain/sales.yaml"]


@pytest.mark.parametrize(("cluster", "message"), [
    (Cluster("k8s://https://kube:6443"), "--image: is missing"),
    (Cluster("k8s://https://kube:6443", image="x", secrets={"KEY": "lake"}), "KEY=lake, expected VARIABLE=secret:key"),
])
def test_a_missing_option_of_kubernetes_is_named(config: Path, cluster: Cluster, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        packaged(config, cluster)


def test_a_packed_environment_is_copied_into_the_folder_of_the_image(config: Path) -> None:
    cluster = Cluster("k8s://https://kube:6443", image="registry/laketrain:1")
    with pytest.raises(ConfigError, match=r"a URL, expected a local archive.*hdfs dfs -get"):
        packaged(config, cluster)
    with pytest.raises(ConfigError, match="not a file, expected a local archive"):
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


def test_an_image_accepts_a_config_of_any_name(config: Path) -> None:
    odd = config.with_name("my [new] sales.yaml")
    config.rename(odd)
    (odd.parent / "packed.tar.gz").touch()
    docker = (package(Workload.load(odd), odd.parent / "out", Cluster("k8s://https://kube:6443", image="x"),
                      environment=str(odd.parent / "packed.tar.gz")).folder / "Dockerfile").read_text()
    [copied] = [json.loads(line.removeprefix("COPY ")) for line in docker.splitlines() if line.startswith("COPY [")]
    assert copied == ["code.zip", "job.py", "my [[]new] sales.yaml", "/opt/laketrain/"]


def test_the_command_line_prints_commands_to_stdout_and_notes_to_stderr(config: Path) -> None:
    done = CliRunner().invoke(app, ["package", str(config), "--out", str(config.parent / "out"), "--environment",
                                    ENVIRONMENT, "--conf", "spark.x=1"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# client mode\nspark-submit \\\n  --master yarn \\\n  --deploy-mode client")
    assert "spark.x=1" in done.stdout
    assert done.stderr.startswith("note: sources.sales.path")
    refused = CliRunner().invoke(app, ["package", str(config), "--conf", "spark.x"])
    assert refused.exit_code == 2
    assert "received 'spark.x', expected key=value" in refused.stderr
