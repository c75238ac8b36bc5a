"""Decodes JPEG files, and reports pixels that libjpeg made up.

    pixels, doubt = decode_jpeg(data, read_header(data))      # (h, w, 1 or 3) without Exif's orientation, or None

libjpeg returns some pixels for any damaged file, and only warns. simplejpeg (libjpeg-turbo) reports its first warning,
Pillow none. So simplejpeg decodes every JPEG once, whatever its colours.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from laketrain.features.codecs.header import Header, Unreadable
from laketrain.features.codecs.jpeg_scan import check_scan, is_supported

Pixels = npt.NDArray[np.uint8]

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_EXTRANEOUS = 16
# Warnings that don't concern pixels. Only the first warning is reported, so there may be others.
_HARMLESS = ("Warning: unknown JFIF revision", "Unknown Adobe color transform", "Invalid SOS parameters for sequential")
_DAMAGE = ("Corrupt JPEG data: ", "Inconsistent progression sequence")
# Pillow decides whether anything is missing in a truncated file.
_CUT = "Premature end of JPEG file"
# A scan ends at any marker but a restart or a stuffed FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_NEVER = 255


def decode_jpeg(data: bytes, header: Header) -> tuple[Pixels | None, str]:
    """Pixels and doubt.

    The pixels are (h, w, 1 or 3) without Exif's orientation, or None if Pillow should decode the file: it is CMYK, is
    truncated (Pillow reports more), or has a harmless peculiarity. The doubt is simplejpeg's message if it can't decode
    the file and doesn't report damage, else empty; `verify_scan` then decides.

    Raises:
        Unreadable: libjpeg warns of damage, or scans are missing.
    """
    if header.scans:
        _check_scans_complete(data, header)
    pixels, warning = _decode(data, header.colours)
    if not warning:
        return (None if header.colours == "CMYK" else pixels), ""
    if warning.startswith(_HARMLESS):
        _, warning = _decode(_strip(data, header), header.colours)
    _refuse_damage(warning)
    expected = not warning or warning.startswith((_CUT, *_DAMAGE))
    return None, "" if expected else warning


def verify_scan(data: bytes, doubt: str) -> None:
    """Raises Unreadable unless a file that only Pillow can decode is complete."""
    if not is_supported(data):
        raise Unreadable(f"is a JPEG that may be damaged, which can't be checked ({doubt})")
    check_scan(data)


def _decode(data: bytes, colours: str) -> tuple[Pixels | None, str]:
    """Either pixels or libjpeg's first warning."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(data, colours), ""
    except ValueError as error:
        return None, str(error)


def _refuse_damage(warning: str) -> None:
    """Some cameras write a few extraneous bytes before the end, which are accepted."""
    problem = warning.removeprefix(_DAMAGE[0])
    extra = _EXTRANEOUS.match(problem)
    if warning.startswith(_DAMAGE) and not (extra and int(extra[1]) <= _MOST_EXTRANEOUS):
        raise Unreadable(f"is damaged: a JPEG that can't be decoded ({problem})")


def _strip(data: bytes, header: Header) -> bytes:
    """The file without application segments and comments, and with the standard parameters of a sequential scan, so
    that libjpeg has nothing harmless to warn of. Its colours may differ, its damage is the same."""
    parts, offset = [data[:2]], 2
    while (marker := data[offset + 1]) != 0xDA:
        end = offset + (1 if marker == 0xFF else 2 + int.from_bytes(data[offset + 2 : offset + 4], "big"))
        if marker != 0xFE and not 0xE0 <= marker <= 0xEF:
            parts.append(data[offset:end])
        offset = end
    rest = data[offset:]
    if not header.progressive:
        spectral = offset + 5 + 2 * data[offset + 4]
        rest = data[offset:spectral] + b"\0\x3f\0" + data[spectral + 3 :]
    return b"".join([*parts, rest])


def _check_scans_complete(data: bytes, header: Header) -> None:
    """Raises Unreadable if the file ends between two scans: libjpeg accepts it, but its image is blurred or grey."""
    lowest: dict[int, bytearray] = {}  # the lowest bit of each component's 64 coefficients that any scan contains
    try:
        _read_scans(data, header, lowest)
    except IndexError:  # truncated, which libjpeg reports
        return
    missing = header.components - sum(not any(bits) for bits in lowest.values())
    if missing > 0:
        raise Unreadable(f"is damaged: a JPEG without its last scans ({missing} of {header.components} colours are "
                         "incomplete)")


def _read_scans(data: bytes, header: Header, lowest: dict[int, bytearray]) -> None:
    offset = header.scans
    while (marker := data[offset + 1]) != 0xD9:
        if marker == 0xDA:
            offset = _scan_end(data, _read_scan(data, offset, header.progressive, lowest))
        else:
            offset += 1 if marker == 0xFF else 2 + (data[offset + 2] << 8 | data[offset + 3])


def _read_scan(data: bytes, offset: int, progressive: bool, lowest: dict[int, bytearray]) -> int:
    """Records the scan's bits in `lowest`. Returns the offset of its data."""
    count = data[offset + 4]
    spectral = offset + 5 + 2 * count
    first, last, low = (data[spectral], data[spectral + 1], data[spectral + 2] & 15) if progressive else (0, 63, 0)
    for component in data[offset + 5 : spectral : 2]:
        bits = lowest.setdefault(component, bytearray([_NEVER] * 64))
        bits[first : last + 1] = bytes([low]) * (min(last, 63) + 1 - first)
    return spectral + 3


def _scan_end(data: bytes, offset: int) -> int:
    """The offset of the marker after a scan. Raises IndexError if there is none."""
    match = _MARKER.search(data, offset)
    if match is None:
        raise IndexError(offset)
    return match.end() - 2
