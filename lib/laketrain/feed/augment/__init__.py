"""Random augmentation of images: each change in its own file, all of them applied by `Augmenter`.

    augmenter = Augmenter.of(features, plan, settings)
    images = augmenter.augment("image", images, epoch, rows)

Draws are a hash of seed, epoch and row (`stateless_random`). So an augmented image is the same on any number of ranks
and in a resumed run.
"""

from laketrain.feed.augment.augmenter import Augmenter

__all__ = ["Augmenter"]
