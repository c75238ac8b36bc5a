"""Names of a package are imported when they are first used."""

from __future__ import annotations

import sys
import types

import pytest

from laketrain.lazy import lazy_names


def test_a_name_is_imported_once_and_then_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("lazy_package")
    monkeypatch.setitem(sys.modules, "lazy_package", package)
    load = lazy_names("lazy_package", {"dumps": "json"})
    assert load("dumps") is sys.modules["json"].dumps
    assert vars(package)["dumps"] is sys.modules["json"].dumps


def test_an_unknown_name_has_the_nearest_one() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'dump'. Did you mean 'dumps'"):
        lazy_names("lazy_package", {"dumps": "json"})("dump")
