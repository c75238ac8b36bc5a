"""Settings become parameters by dotted key."""

from __future__ import annotations

from laketrain.track.run import flattened


def test_lists_and_mappings_have_dotted_keys() -> None:
    assert flattened({"a": {"b": [1, 2]}, "c": None}) == {"a.b.0": "1", "a.b.1": "2", "c": "None"}
    assert flattened({}) == {}
