from __future__ import annotations

import pytest

from laketrain.lake.manifests import ProfileManifest

from .round_trip import check_round_trip


@pytest.mark.parametrize("meta", ['{"against": 1}', '{"against": null}'])
def test_the_json_of_a_lake_is_read_and_written_as_it_was(meta: str) -> None:
    check_round_trip(ProfileManifest, meta)
