"""The fastest type of a machine."""

from __future__ import annotations

import pytest

from laketrain.train.precision import precision_for


@pytest.mark.parametrize(("capability", "cpuinfo", "expected"), [
    ((8, 0), "", "bfloat16"), ((9, 0), "", "bfloat16"), ((7, 5), "amx_bf16", "float32"),
    (None, "flags: avx2 amx_bf16 amx_int8", "bfloat16"), (None, "flags: avx512_bf16", "float32"),
    (None, "", "float32")])
def test_bfloat16_needs_a_new_gpu_or_a_cpu_with_amx(
        capability: tuple[int, int] | None, cpuinfo: str, expected: str) -> None:
    assert precision_for(capability, cpuinfo) == expected
