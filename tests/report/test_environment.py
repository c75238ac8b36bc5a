"""Templates escape values and refuse missing ones."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from laketrain.report.environment import environment


def test_values_are_escaped_and_formatted() -> None:
    template = environment().from_string("{{ name }} {{ 12345 | count }}")
    assert template.render(name="<b>").startswith("&lt;b&gt; ")
    assert "12345" not in template.render(name="")


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ name }}").render()


def test_it_is_created_once() -> None:
    assert environment() is environment()
