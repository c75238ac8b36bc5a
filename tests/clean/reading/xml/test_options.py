"""Options of XML are parsed in any case."""

from __future__ import annotations

from laketrain.clean.reading.xml.options import XmlOptions


def test_options_have_the_defaults_of_spark() -> None:
    assert XmlOptions.of({"rowTag": "book"}) == XmlOptions("book", "_", "_VALUE", True, False, False, None, None)


def test_options_are_read_in_any_case() -> None:
    options = XmlOptions.of({"ROWTAG": "book", "excludeAttribute": "true", "ignoreSurroundingSpaces": True,
                             "nullValue": 0, "charset": "latin-1"})
    assert options == XmlOptions("book", include_attributes=False, strip=True, null_value="0", encoding="latin-1")


def test_a_namespace_is_dropped_if_it_is_ignored() -> None:
    assert XmlOptions.of({"rowTag": "b", "ignoreNamespace": True}).local_name("ns:title") == "title"
    assert XmlOptions.of({"rowTag": "b"}).local_name("ns:title") == "ns:title"
