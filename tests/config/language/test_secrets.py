"""Secrets in URLs are found in the forms of all systems, and nothing else is taken for a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.config.language.secrets import contains_secret, hide_secrets
from laketrain.config.sources import ConnectorSource, JdbcSource

CARRYING = {
    "jdbc:oracle:thin:scott/tiger9@//db:1521/svc": "jdbc:oracle:thin:(hidden)@//db:1521/svc",
    "jdbc:oracle:thin:scott/ti@er9@db:1521:sid": "jdbc:oracle:thin:(hidden)@db:1521:sid",
    "jdbc:db2://h:50000/shop:user=a;pwd=tiger9;": "jdbc:db2://h:50000/shop:user=a;pwd=(hidden);",
    "jdbc:db2://h:50000/shop:password=tiger9;": "jdbc:db2://h:50000/shop:password=(hidden);",
    "jdbc:sqlserver://h;user=a;password=tiger9": "jdbc:sqlserver://h;user=a;password=(hidden)",
    "jdbc:teradata://h/USER=a,PASSWORD=tiger9": "jdbc:teradata://h/USER=a,PASSWORD=(hidden)",
    "jdbc:mysql://ann:ti@er9@db/shop": "jdbc:mysql://(hidden)@db/shop",
    "jdbc:mysql://address=(host=h)(password=tiger9)/shop": "jdbc:mysql://address=(host=h)(password=(hidden)",
    "https://host/x?a=1&sig=tiger9": "https://host/x?a=1&sig=(hidden)",
    "abfss://lake:tiger9@account.net/x": "abfss://(hidden)@account.net/x",
    "jdbc:snowflake://a.com/?warehouse=w&private_key_base64=tiger9": (
        "jdbc:snowflake://a.com/?warehouse=w&private_key_base64=(hidden)"),
    "jdbc:snowflake://a.com/?privateKeyBase64=tiger9": "jdbc:snowflake://a.com/?privateKeyBase64=(hidden)",
    "https://host/x?api_key_v1=tiger9": "https://host/x?api_key_v1=(hidden)",
    "https://host/x?private-key-pem=tiger9": "https://host/x?private-key-pem=(hidden)",
    "https://host/x?sas_sig=tiger9": "https://host/x?sas_sig=(hidden)",
}


@pytest.mark.parametrize("url", CARRYING)
def test_a_secret_is_hidden_and_the_rest_is_left(url: str) -> None:
    assert contains_secret(url)
    assert hide_secrets(url) == CARRYING[url]
    assert not contains_secret(CARRYING[url])


@pytest.mark.parametrize("url", [
    "jdbc:oracle:thin:@//db:1521/svc", "jdbc:db2://h:50000/shop", "jdbc:postgresql://db/shop?sslkey=/etc/client.pk8",
    "jdbc:mysql://db/shop?passwordCharacterEncoding=UTF-8", "abfss://lake@account.dfs.core.windows.net/x",
    "s3://bucket/a@b", "SELECT a.key FROM a JOIN b ON a.key=b.key",
])
def test_what_carries_none_is_left_as_it_is(url: str) -> None:
    assert hide_secrets(url) == url


@pytest.mark.parametrize("url", [
    "jdbc:oracle:thin:/@mydb", "jdbc:oracle:oci:/@mydb", "jdbc:oracle:thin:[proxy]/@mydb", "jdbc:postgresql://ann@db/shop",
    "jdbc:mysql://h/db?disconnectOnExpiredPasswords=true", "jdbc:sqlserver://h;msiTokenCacheTtl=600",
    "jdbc:sqlserver://h;accessTokenCallbackClass=org.Mine", "jdbc:postgresql://h/db?sslpasswordcallback=org.Mine",
    "jdbc:trino://h:443?externalAuthenticationTokenCache=MEMORY", "jdbc:trino://h?KerberosCredentialCachePath=/tmp/krb",
    "jdbc:snowflake://h/?client_store_temporary_credential=true",
    "jdbc:clickhouse://h/?custom_http_params=partition_key=1",
])
def test_a_setting_that_only_sounds_like_a_secret_is_not_refused(url: str) -> None:
    assert not contains_secret(url)
    assert JdbcSource.model_validate({"format": "jdbc", "url": url, "table": "t"}).url == url


@pytest.mark.parametrize("url", [url for url in CARRYING if url.startswith("jdbc:")])
def test_a_source_refuses_it_and_does_not_repeat_it(url: str) -> None:
    for kind, settings in ((JdbcSource, {"format": "jdbc", "url": url, "table": "t"}),
                           (ConnectorSource, {"format": "snowflake", "options": {"address": url}})):
        with pytest.raises(ValidationError) as caught:
            kind.model_validate(settings)
        texts = [str(text) for error in caught.value.errors() for text in error["ctx"]["error"].args]
        assert "not shown" in texts[0] and "tiger9" not in " ".join(texts)


@given(st.text(st.characters(exclude_characters="&;'\"", exclude_categories=["Z", "C"]), min_size=1))
def test_nothing_is_left_of_a_password(password: str) -> None:
    secret = f"<{password}>"
    assert secret not in hide_secrets(f"jdbc:db2://h/s:pwd={secret};")
    assert secret not in hide_secrets(f"jdbc:oracle:thin:scott/{secret}@//db:1521/svc")
