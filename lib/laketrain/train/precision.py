"""The type in which this machine computes quickest: what `precision: auto` asks.

    fast_precision()      # "bfloat16" on a GPU of compute capability 8 or a CPU with AMX, else "float32"
"""

from __future__ import annotations

from pathlib import Path

_CPU = Path("/proc/cpuinfo")
# Instructions for matrices of bfloat16: without them a CPU converts back and forth, and is slower than in float32.
_AMX = "amx_bf16"
_CAPABILITY = 8


def fast_precision() -> str:
    """`bfloat16` or `float32`, by the GPU that this process sees or, where it sees none, by the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return chosen(details.get("compute_capability"), "")
    return chosen(None, _CPU.read_text() if _CPU.exists() else "")


def chosen(capability: tuple[int, int] | None, cpuinfo: str) -> str:
    """The type for a GPU of this compute capability or, where there is none, a CPU that says this of itself."""
    if capability is not None:
        return "bfloat16" if capability[0] >= _CAPABILITY else "float32"
    return "bfloat16" if _AMX in cpuinfo.split() else "float32"
