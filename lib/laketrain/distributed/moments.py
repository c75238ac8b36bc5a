"""Mean and variance over the rows of all ranks, with gradients.

    moments_over_ranks(layer, "moments_1", inputs, mask)  ->  mean, variance

Each rank's count, mean and variance are gathered and combined, so no square of a large mean is ever subtracted from
another. Backwards, the ranks' gradients with respect to mean and variance are summed: every rank's rows take part in
every rank's outputs.
"""

from __future__ import annotations

from typing import Any


def moments_over_ranks(layer: Any, name: str, inputs: Any, mask: Any) -> tuple[Any, Any]:
    """The moments by which `layer`, a `BatchNormalization`, normalises a batch that lies on all ranks.

    Args:
        layer: gives the axis. name: of the collectives, the same on every rank and no other layer's.
        inputs: this rank's part, float32 or float64. mask: None, or booleans without the axis of the channels, which is
            then the last.

    Returns:
        mean and variance, each of shape [channels].
    """
    import tensorflow as tf

    axes = list(layer._reduction_axes)
    shape = [1 if axis in axes else size for axis, size in enumerate(inputs.shape)]
    weights = 1.0 if mask is None else tf.cast(mask[..., None], inputs.dtype)

    @tf.custom_gradient
    def moments(inputs: Any) -> Any:
        count, mean, variance = _together(*_local(inputs, weights, axes), name)

        def gradient(of_mean: Any, of_variance: Any) -> Any:
            both = _sum(tf.stack([of_mean, of_variance]), f"{name}_gradients") / count
            of_mean, of_variance, centre = (tf.reshape(each, shape) for each in (*tf.unstack(both), mean))
            return weights * (of_mean + 2.0 * of_variance * (inputs - centre))

        return (mean, variance), gradient

    mean, variance = moments(inputs)
    return mean, variance


def _local(inputs: Any, weights: Any, axes: list[int]) -> tuple[Any, Any, Any]:
    """How many rows of a channel this rank has, scalar, and their mean and variance by channel; zeros without any."""
    import tensorflow as tf

    # Unmasked, `weights` is one number for all.
    count = tf.reduce_prod(tf.cast(tf.gather(tf.shape(inputs), axes), inputs.dtype)) * tf.reduce_mean(weights)
    mean = tf.math.divide_no_nan(tf.reduce_sum(inputs * weights, axes, keepdims=True), count)
    variance = tf.math.divide_no_nan(tf.reduce_sum(weights * tf.square(inputs - mean), axes), count)
    return count, tf.reshape(mean, [-1]), variance


def _together(count: Any, mean: Any, variance: Any, name: str) -> tuple[Any, Any, Any]:
    """The count, mean and variance of all ranks' rows, from each rank's."""
    import horovod.tensorflow as hvd
    import tensorflow as tf

    mine = tf.concat([[count], mean, variance], 0)[None]
    gathered = hvd.allgather(mine, name=f"laketrain_{name}", ignore_name_scope=True)
    counts, means, variances = tf.split(gathered, [1, tf.size(mean), tf.size(mean)], axis=1)
    total = tf.maximum(tf.reduce_sum(counts), 1.0)
    centre = tf.reduce_sum(counts * means, 0) / total
    return total, centre, tf.reduce_sum(counts * (variances + tf.square(means - centre)), 0) / total


def _sum(tensor: Any, name: str) -> Any:
    import horovod.tensorflow as hvd

    return hvd.allreduce(tensor, op=hvd.Sum, name=f"laketrain_{name}", ignore_name_scope=True)
