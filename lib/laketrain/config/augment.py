"""Random augmentation of the training images, and mixtures of two images.

    train: {augment: {flip: {horizontal: 0.5}, crop: 4, cutmix: 1.0}}
"""

from __future__ import annotations

from pydantic import Field

from laketrain.config.base import Section


class Flip(Section):
    """How often an image is flipped. Both directions are drawn independently."""

    horizontal: float = Field(default=0.0, ge=0, le=1)
    """The probability of a left-right flip."""
    vertical: float = Field(default=0.0, ge=0, le=1)
    """The probability of a top-bottom flip."""


class Augment(Section):
    """Random changes of the training images, drawn again in each epoch and applied in this order. Ranges are symmetric;
    0 switches a change off."""

    rotate: float = Field(default=0.0, ge=0, le=180)
    """Rotate by up to this many degrees in either direction."""
    zoom: float = Field(default=0.0, ge=0, lt=1)
    """Zoom in or out by up to this fraction of the size."""
    shift: float = Field(default=0.0, ge=0)
    """Shift by up to this many pixels, horizontally and vertically."""
    shear: float = Field(default=0.0, ge=0, le=1)
    """Shear by up to this many pixels sideways per pixel down."""
    flip: Flip = Flip()
    """How often images are flipped."""
    crop: int = Field(default=0, ge=0)
    """Pad each side with this many black pixels, then crop a random part of the original size (4 is usual for
    32×32)."""
    brightness: float = Field(default=0.0, ge=0, le=1)
    """Multiply pixels by a random factor within 1 ± this."""
    contrast: float = Field(default=0.0, ge=0, le=1)
    """Scale the distance of pixels from the image's mean grey by a random factor within 1 ± this."""
    saturation: float = Field(default=0.0, ge=0, le=1)
    """Scale the distance of pixels from their own grey by a random factor within 1 ± this; RGB and RGBA images only."""
    cutout: int = Field(default=0, ge=0)
    """The side in pixels of a square that is filled with the train split's mean, centred anywhere in the image (DeVries
    and Taylor 2017)."""
    mixup: float = Field(default=0.0, ge=0)
    """The α of mixup (Zhang et al. 2018): images and labels are averaged with those of another row of the batch, with
    weights from Beta(α, α). Needs one image as the only input and one label as the only target."""
    cutmix: float = Field(default=0.0, ge=0)
    """The α of CutMix (Yun et al. 2019): a box of another row's image is pasted in, and labels are weighted by area. If
    `mixup` is set too, one of the two is drawn for each row."""

    @property
    def enabled(self) -> list[str]:
        """The keys of the changes that are switched on, in order."""
        return [key for key in type(self).model_fields if getattr(self, key) != getattr(_NOTHING, key)]

    @property
    def mixes(self) -> bool:
        """Whether rows are mixed, so that labels become class probabilities."""
        return self.mixup > 0 or self.cutmix > 0


_NOTHING = Augment()
