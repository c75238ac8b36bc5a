"""Means over the ranks that are sent as 16-bit floats and summed as float32.

    means([gradient, other], "bfloat16", "gradients_1", backend)

Horovod can't sum bfloat16, and sums float16 one number at a time, slower than float32. So each rank receives one part
of all ranks' numbers (all-to-all), sums it in float32, and all ranks gather the parts. That sends as many bytes as a
ring allreduce of 16-bit numbers. All ranks receive the same bits, since one rank computes each part.

float16 has 11 significant bits and a narrow range. So each tensor is scaled by a power of two, chosen from the largest
magnitude on any rank: nothing overflows, and only numbers 2³⁸ times smaller than the largest become 0. bfloat16 has 8
significant bits and the range of float32. Infinities and NaN are preserved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from laketrain.distributed.backend import Backend

DTYPES = ("float16", "bfloat16")

# The largest number of a tensor is scaled to between 2^14 and 2^15; the maximum of float16 is 65504.
_LARGEST_EXPONENT = 14
_HIGHEST_SHIFT = 100
_BIAS = 127
_MANTISSA_BITS = 23


def means(tensors: Sequence[Any], dtype: str, name: str, backend: Backend) -> list[Any]:
    """The mean over the ranks of each floating-point tensor, in its own dtype and shape.

    Args:
        dtype: the one in which numbers are sent, of DTYPES.
    """
    import tensorflow as tf

    shifts = common_shifts(tensors, dtype, name, backend)
    encoded = tf.concat([tf.reshape(encode(t, dtype, s), [-1]) for t, s in zip(tensors, shifts, strict=True)], 0)
    ranks = backend.size()
    encoded = tf.pad(encoded, [[0, -tf.size(encoded) % ranks]])
    parts = backend.alltoall(encoded, f"{name}_parts")
    mean = tf.reduce_mean(tf.cast(tf.reshape(tf.bitcast(parts, dtype), [ranks, -1]), tf.float32), axis=0)
    gathered = backend.allgather(tf.bitcast(tf.cast(mean, dtype), tf.uint16), f"{name}_means")
    sizes = [tf.size(tensor) for tensor in tensors]
    pieces = tf.split(gathered[:tf.add_n(sizes)], sizes)
    return [tf.reshape(decode(piece, dtype, shift, tensor.dtype), tf.shape(tensor))
            for piece, shift, tensor in zip(pieces, shifts, tensors, strict=True)]


def common_shifts(tensors: Sequence[Any], dtype: str, name: str, backend: Backend) -> list[Any]:
    """The exponent of the power of two that scales each tensor, as int32 scalars: the same on every rank."""
    import tensorflow as tf

    if dtype != "float16":
        return [tf.constant(0)] * len(tensors)
    largest = backend.allreduce(tf.stack([_largest(tensor) for tensor in tensors]), "max", f"{name}_largest")
    # From the bits and not by a logarithm: ranks on different processors must get the same exponent.
    exponents = tf.bitwise.right_shift(tf.bitcast(largest, tf.int32), _MANTISSA_BITS) - _BIAS
    return list(tf.unstack(tf.minimum(_LARGEST_EXPONENT - exponents, _HIGHEST_SHIFT), num=len(tensors)))


def encode(tensor: Any, dtype: str, shift: Any) -> Any:
    """The bits, uint16, of `tensor` times 2^shift as `dtype`."""
    import tensorflow as tf

    return tf.bitcast(tf.cast(tf.cast(tensor, tf.float32) * _power_of_two(shift), dtype), tf.uint16)


def decode(bits: Any, dtype: str, shift: Any, tensor_dtype: Any) -> Any:
    """The tensor that `encode` received, rounded, as `tensor_dtype`."""
    import tensorflow as tf

    return tf.cast(tf.cast(tf.bitcast(bits, dtype), tf.float32) * _power_of_two(-shift), tensor_dtype)


def _largest(tensor: Any) -> Any:
    """The largest finite magnitude, float32; 0 if there is none."""
    import tensorflow as tf

    numbers = tf.reshape(tf.cast(tensor, tf.float32), [-1])
    magnitudes = tf.where(tf.math.is_finite(numbers), tf.abs(numbers), 0.0)
    return tf.reduce_max(tf.concat([magnitudes, [0.0]], 0))


def _power_of_two(exponent: Any) -> Any:
    import tensorflow as tf

    return tf.bitcast(tf.bitwise.left_shift(exponent + _BIAS, _MANTISSA_BITS), tf.float32)
