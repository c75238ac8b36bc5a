"""Random views of the training images, and mixtures of two of them.

    train: {augment: {flip: {horizontal: 0.5}, crop: 4, cutmix: 1.0}}
"""

from __future__ import annotations

from pydantic import Field

from laketrain.config.base import Section


class Flip(Section):
    """How often an image is seen mirrored; each direction is drawn by itself."""

    horizontal: float = Field(default=0.0, ge=0, le=1)
    """The share of views whose left and right are exchanged."""
    vertical: float = Field(default=0.0, ge=0, le=1)
    """The share of views whose top and bottom are exchanged."""


class Augment(Section):
    """Random views of the training images, another in each epoch. Each bound is symmetric, and 0 leaves its motion or
    change out. They come in this order."""

    rotate: float = Field(default=0.0, ge=0, le=180)
    """Degrees to either side."""
    zoom: float = Field(default=0.0, ge=0, lt=1)
    """Larger or smaller by this fraction of the size."""
    shift: float = Field(default=0.0, ge=0)
    """Pixels, in both directions."""
    shear: float = Field(default=0.0, ge=0, le=1)
    """Pixels aside per pixel down."""
    flip: Flip = Flip()
    """How often images are mirrored."""
    crop: int = Field(default=0, ge=0)
    """Whole pixels of black added on each side before a random part of the image's own size is cut out (4 is usual for
    32×32)."""
    brightness: float = Field(default=0.0, ge=0, le=1)
    """Lighter or darker: pixels times up to 1 ± this."""
    contrast: float = Field(default=0.0, ge=0, le=1)
    """Nearer to the image's mean grey or further from it, by a factor up to 1 ± this."""
    saturation: float = Field(default=0.0, ge=0, le=1)
    """Nearer to each pixel's grey or further from it, by a factor up to 1 ± this; of RGB and RGBA images alone."""
    cutout: int = Field(default=0, ge=0)
    """Pixels of the side of a square that is erased, its centre anywhere in the image (DeVries and Taylor 2017); it is
    filled with the train split's mean."""
    mixup: float = Field(default=0.0, ge=0)
    """The α of mixup (Zhang et al. 2018): images and labels are averaged with those of another row of the batch, shares
    from Beta(α, α). Needs one image as the only input and one label as the only target."""
    cutmix: float = Field(default=0.0, ge=0)
    """The α of CutMix (Yun et al. 2019): a box of another row's image is pasted in, and labels are shared by area. With
    `mixup` too, each row draws which of both it gets."""

    @property
    def given(self) -> list[str]:
        """The keys of what changes images, in their order."""
        return [key for key in type(self).model_fields if getattr(self, key) != getattr(_NOTHING, key)]

    @property
    def mixes(self) -> bool:
        """Whether rows are mixed, so that labels become shares of classes."""
        return self.mixup > 0 or self.cutmix > 0


_NOTHING = Augment()
