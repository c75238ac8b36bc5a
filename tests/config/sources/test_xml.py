"""Options of XML sources."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.config.sources.xml import check_xml


@pytest.mark.parametrize("options", [
    {}, {"rowTag": ""}, {"rowTag": "<book>"}, {"rowTag": "a b"}, {"rowTag": "book", "rootTag": "x"},
    {"rowTag": "book", "inferSchema": True}])
def test_options_with_which_xml_cannot_be_read_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        check_xml(options)


def test_options_have_sparks_names_in_any_case() -> None:
    check_xml({"ROWTAG": "book", "attributePrefix": "_", "inferSchema": "false", "dateFormat": "dd.MM.yyyy"})
