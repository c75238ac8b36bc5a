"""The type in which this machine computes fastest, for `precision: auto`.

    fast_precision()      # "bfloat16" on a GPU of compute capability 8 or a CPU with AMX, else "float32"
"""

from __future__ import annotations

from pathlib import Path

_CPU = Path("/proc/cpuinfo")
# Matrix instructions for bfloat16. Without them a CPU converts to float32 and back, which is slower.
_AMX = "amx_bf16"
_CAPABILITY = 8


def fast_precision() -> str:
    """`bfloat16` or `float32`, by the first GPU that this process sees or, without one, by the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return precision_for(details.get("compute_capability"), "")
    return precision_for(None, _CPU.read_text() if _CPU.exists() else "")


def precision_for(capability: tuple[int, int] | None, cpuinfo: str) -> str:
    """The type for a GPU of this compute capability or, without one, a CPU with this `/proc/cpuinfo`."""
    if capability is not None:
        return "bfloat16" if capability[0] >= _CAPABILITY else "float32"
    return "bfloat16" if _AMX in cpuinfo.split() else "float32"
