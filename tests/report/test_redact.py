"""Secrets are hidden: settings with keys of secrets, but no columns, tables or names of environment variables."""

from __future__ import annotations

import pytest
import yaml

from laketrain.report.redact import Redactor, secret_keys

from .lakes import workload


def shown(**more: object) -> dict[str, dict[str, object]]:
    settings: dict[str, dict[str, object]] = yaml.safe_load(Redactor(workload("lake", **more)).settings())
    return settings


def test_columns_features_and_rules_with_names_like_secrets_are_shown() -> None:
    columns = {"id": "string", "access_token": "string", "signature": "double", "password": "int"}
    settings = shown(
        sources={"tokens": {"format": "csv", "path": "/landing/x", "schema": columns}},
        clean={"signature": {"source": "tokens", "rules": [
            {"replace": {"column": "access_token", "values": {"secret": "string"}}},
            {"function": {"call": "mine:rule", "adds": {"api_key": "string"}, "options": {"limit": 3}}}]}},
        convert={"table": "signature", "split": {"by": "id", "fractions": {"train": 1.0}},
                 "features": {"signature": {"kind": "number", "column": "signature"}}},
        predict=None, evaluate=None)
    assert "(hidden)" not in str(settings)
    assert settings["sources"]["tokens"]["schema"] == columns


@pytest.mark.parametrize("more", [
    {"variables": {"api_token": "tiger"}},
    {"spark": {"conf": {"spark.hadoop.fs.s3a.secret.key": "tiger"}}},
    {"sources": {"pixels": {"format": "excel", "path": "/x", "schema": {"id": "string"},
                            "options": {"password": "tiger"}}}},
    {"clean": {"pixels": {"rules": [{"function": {"call": "mine:rule", "options": {"api_key": "tiger"}}}]}}},
    {"train": {"model": {"use": "mine:net", "settings": {"login": {"password": "tiger"}}}}},
], ids=lambda more: next(iter(more)))
def test_free_form_settings_are_hidden_by_their_keys(more: dict[str, object]) -> None:
    secret = workload("lake", **{"predict": None, "evaluate": None, "clean": {}, "convert": None, **more})
    settings = Redactor(secret).settings()
    assert "(hidden)" in settings and "tiger" not in settings
    assert len(list(secret_keys(secret.model_dump(mode="json", by_alias=True)))) == 1
    assert Redactor(secret).scrub("tiger was refused") == "(hidden) was refused"


def test_names_of_variables_and_files_with_secrets_are_shown() -> None:
    sources = {
        "events": {"format": "kafka", "servers": "broker:9092", "topics": ["events"], "schema": {"id": "string"},
                   "secrets": {"sasl.jaas.config": "KAFKA_JAAS"}},
        "orders": {"format": "jdbc", "url": "jdbc:postgresql://db:5432/shop", "table": "orders",
                   "user_env": "SHOP_USER", "password_env": "SHOP_PASSWORD"},
    }
    conf = {"spark.hadoop.hadoop.security.credential.provider.path": "jceks://hdfs@namenode/keys.jceks",
            "spark.kubernetes.driver.secretKeyRef.AWS_SECRET_ACCESS_KEY": "lake:secret-key",
            "spark.authenticate.secretEnabled": True}
    clean = {"people": {"source": "orders", "rules": [{"hash": {"columns": ["email"], "key_env": "HASH_KEY"}}]}}
    settings = shown(sources=sources, clean=clean, convert=None, train=None, evaluate=None, predict=None)
    assert settings["sources"]["events"]["secrets"] == {"sasl.jaas.config": "KAFKA_JAAS"}
    assert settings["sources"]["orders"]["password_env"] == "SHOP_PASSWORD"
    assert "HASH_KEY" in str(settings["clean"])
    assert list(secret_keys(conf, ("spark", "conf"))) == []


def test_a_password_in_a_url_is_hidden() -> None:
    settings = shown(sources={"orders": {"format": "csv", "path": "ftp://me:pass-word@host/x",
                                         "schema": {"id": "string"}, "options": {"x": "jdbc:db2://h/s:pwd=tiger8;"}}},
                     clean={}, convert=None, train=None, evaluate=None, predict=None)
    assert settings["sources"]["orders"]["path"] == "ftp://(hidden)@host/x"
    assert settings["sources"]["orders"]["options"] == {"x": "jdbc:db2://h/s:pwd=(hidden);"}
