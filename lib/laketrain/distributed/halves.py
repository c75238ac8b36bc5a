"""Means over the ranks that travel as 16-bit numbers and are summed as 32-bit ones.

    means([gradient, other], "bfloat16", "gradients_1")

Horovod can't sum bfloat16, and sums float16 number by number, slower than float32. So each rank gets one part of every
rank's numbers (all-to-all), sums it in float32, and all gather the parts. That is as many bytes as a ring allreduce of
16-bit numbers. Every rank receives the same bits, since each part has one owner.

float16 has 11 bits and a narrow range: each tensor travels multiplied by a power of two, taken from its largest number
on any rank, so nothing overflows, and only what is 2³⁸ times smaller than that is lost. bfloat16 has 8 bits and the
range of float32. Infinities and NaN stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HALVES = ("float16", "bfloat16")

# The largest number of a tensor is brought to between 2^14 and 2^15; 65504 is float16's own.
_LARGEST_EXPONENT = 14
_HIGHEST_SHIFT = 100
_BIAS = 127
_MANTISSA_BITS = 23


def means(tensors: Sequence[Any], wire: str, name: str) -> list[Any]:
    """The mean over the ranks of each floating-point tensor, in its own dtype and shape."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    shifts = agreed_shifts(tensors, wire, name)
    sent = tf.concat([tf.reshape(encode(t, wire, s), [-1]) for t, s in zip(tensors, shifts, strict=True)], 0)
    ranks = hvd.size()
    sent = tf.pad(sent, [[0, -tf.size(sent) % ranks]])
    parts = hvd.alltoall(sent, name=f"laketrain_{name}_parts", ignore_name_scope=True)
    mine = tf.reduce_mean(tf.cast(tf.reshape(tf.bitcast(parts, wire), [ranks, -1]), tf.float32), axis=0)
    mine = tf.bitcast(tf.cast(mine, wire), tf.uint16)
    received = hvd.allgather(mine, name=f"laketrain_{name}_means", ignore_name_scope=True)
    sizes = [tf.size(tensor) for tensor in tensors]
    pieces = tf.split(received[:tf.add_n(sizes)], sizes)
    return [tf.reshape(decode(piece, wire, shift, tensor.dtype), tf.shape(tensor))
            for piece, shift, tensor in zip(pieces, shifts, tensors, strict=True)]


def agreed_shifts(tensors: Sequence[Any], wire: str, name: str) -> list[Any]:
    """By which power of two each tensor travels multiplied, as int32 scalars: the same on every rank."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    if wire != "float16":
        return [tf.constant(0)] * len(tensors)
    largest = tf.stack([_largest(tensor) for tensor in tensors])
    largest = hvd.allreduce(largest, op=hvd.Max, name=f"laketrain_{name}_largest", ignore_name_scope=True)
    # Integers on the bits, not logarithms: ranks on different processors must agree to the bit.
    exponents = tf.bitwise.right_shift(tf.bitcast(largest, tf.int32), _MANTISSA_BITS) - _BIAS
    return list(tf.unstack(tf.minimum(_LARGEST_EXPONENT - exponents, _HIGHEST_SHIFT), num=len(tensors)))


def encode(tensor: Any, wire: str, shift: Any) -> Any:
    """The bits, uint16, of `tensor` times 2^shift."""
    import tensorflow as tf

    return tf.bitcast(tf.cast(tf.cast(tensor, tf.float32) * _power_of_two(shift), wire), tf.uint16)


def decode(bits: Any, wire: str, shift: Any, dtype: Any) -> Any:
    """What `encode` was given, rounded, as `dtype`."""
    import tensorflow as tf

    return tf.cast(tf.cast(tf.bitcast(bits, wire), tf.float32) * _power_of_two(-shift), dtype)


def _largest(tensor: Any) -> Any:
    """The largest finite magnitude, and 0 where there is none."""
    import tensorflow as tf

    numbers = tf.reshape(tf.cast(tensor, tf.float32), [-1])
    magnitudes = tf.where(tf.math.is_finite(numbers), tf.abs(numbers), 0.0)
    return tf.reduce_max(tf.concat([magnitudes, [0.0]], 0))


def _power_of_two(exponent: Any) -> Any:
    import tensorflow as tf

    return tf.bitcast(tf.bitwise.left_shift(exponent + _BIAS, _MANTISSA_BITS), tf.float32)
