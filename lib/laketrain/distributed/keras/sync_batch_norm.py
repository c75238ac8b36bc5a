"""Mean and variance over the rows of all ranks, with gradients.

    moments_over_ranks(layer, backend, "moments_1", inputs, mask)  ->  mean, variance

The count, mean and variance of each rank are gathered and combined, so no square of a large mean is subtracted from
another. In the backward pass, the gradients with respect to mean and variance are summed over the ranks, since the rows
of every rank affect the outputs of every rank.
"""

from __future__ import annotations

from typing import Any

from laketrain.distributed.backend import Backend


def moments_over_ranks(layer: Any, backend: Backend, name: str, inputs: Any, mask: Any) -> tuple[Any, Any]:
    """The moments by which `layer`, a `BatchNormalization`, normalises a batch that is spread over all ranks.

    Args:
        layer: defines the axis. name: of the collectives; the same on every rank, unique to the layer.
        inputs: this rank's part, float32 or float64.
        mask: None, or booleans of the shape of `inputs` without the channel axis, which is then the last.

    Returns:
        mean and variance, each of shape [channels].
    """
    import tensorflow as tf

    axes = list(layer._reduction_axes)
    shape = [1 if axis in axes else size for axis, size in enumerate(inputs.shape)]
    weights = 1.0 if mask is None else tf.cast(mask[..., None], inputs.dtype)

    @tf.custom_gradient
    def moments(inputs: Any) -> Any:
        count, mean, variance = _combine(*_local_moments(inputs, weights, axes), backend, name)

        def gradient(mean_gradient: Any, variance_gradient: Any) -> Any:
            gradients = tf.stack([mean_gradient, variance_gradient])
            gradients = backend.allreduce(gradients, "sum", f"{name}_gradients") / count
            mean_gradient, variance_gradient, centre = (
                tf.reshape(each, shape) for each in (*tf.unstack(gradients), mean))
            return weights * (mean_gradient + 2.0 * variance_gradient * (inputs - centre))

        return (mean, variance), gradient

    mean, variance = moments(inputs)
    return mean, variance


def _local_moments(inputs: Any, weights: Any, axes: list[int]) -> tuple[Any, Any, Any]:
    """This rank's number of rows per channel, a scalar, and their mean and variance per channel; zeros without rows."""
    import tensorflow as tf

    # Without a mask, `weights` is the number 1.
    count = tf.reduce_prod(tf.cast(tf.gather(tf.shape(inputs), axes), inputs.dtype)) * tf.reduce_mean(weights)
    mean = tf.math.divide_no_nan(tf.reduce_sum(inputs * weights, axes, keepdims=True), count)
    variance = tf.math.divide_no_nan(tf.reduce_sum(weights * tf.square(inputs - mean), axes), count)
    return count, tf.reshape(mean, [-1]), variance


def _combine(count: Any, mean: Any, variance: Any, backend: Backend, name: str) -> tuple[Any, Any, Any]:
    """The count, mean and variance of the rows of all ranks, from those of this rank."""
    import tensorflow as tf

    gathered = backend.allgather(tf.concat([[count], mean, variance], 0)[None], name)
    counts, means, variances = tf.split(gathered, [1, tf.size(mean), tf.size(mean)], axis=1)
    total = tf.maximum(tf.reduce_sum(counts), 1.0)
    centre = tf.reduce_sum(counts * means, 0) / total
    return total, centre, tf.reduce_sum(counts * (variances + tf.square(means - centre)), 0) / total
