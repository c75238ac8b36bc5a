"""JPEG files to pixels, and none in silence that libjpeg had to make up.

    pixels, doubt = decode_jpeg(data, read_header(data))      # (h, w, 1 or 3) as they lie in the file, or None

libjpeg makes some pixels of whatever it gets, and only warns. simplejpeg (libjpeg-turbo) tells its first warning,
Pillow none. So every JPEG goes through simplejpeg, whatever its colours and whatever else it holds.
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
# Warnings of what matters to no pixel; but only the first one is told, and others may hide behind it.
_HARMLESS = ("Warning: unknown JFIF revision", "Unknown Adobe color transform", "Invalid SOS parameters for sequential")
_DAMAGE = ("Corrupt JPEG data: ", "Inconsistent progression sequence")
# Of a file that is cut off, Pillow knows whether anything is missing.
_CUT = "Premature end of JPEG file"
# What ends a scan: any marker but those that stand within it, and no stuffed FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_NEVER = 255


def decode_jpeg(data: bytes, header: Header) -> tuple[Pixels | None, str]:
    """(h, w, 1 or 3) as they lie in the file; or None where Pillow is to decode it: a CMYK one, one that ends too
    early, of which Pillow tells more, or one with a harmless oddity. And why it isn't known whether it is damaged.

    Raises:
        Unreadable: libjpeg warns of damage, or scans are missing.
    """
    if header.scans:
        _refuse_missing_scans(data, header)
    pixels, said = _decoded(data, header.colours)
    if not said:
        return (None if header.colours == "CMYK" else pixels), ""
    if said.startswith(_HARMLESS):
        _, said = _decoded(_bare(data, header), header.colours)
    _refuse_damage(said)
    known = not said or said.startswith((_CUT, *_DAMAGE))
    return None, "" if known else said


def verify_scan(data: bytes, doubt: str) -> None:
    """Raises Unreadable unless a file that simplejpeg can't decode, and Pillow can, is known to be whole."""
    if not is_supported(data):
        raise Unreadable(f"is a JPEG of which nothing tells whether it is damaged ({doubt})")
    check_scan(data)


def _decoded(data: bytes, colours: str) -> tuple[Pixels | None, str]:
    """Either pixels or the first thing that libjpeg says against the file."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(data, colours), ""
    except ValueError as error:
        return None, str(error)


def _refuse_damage(said: str) -> None:
    """A few bytes too many before the end are what some cameras write."""
    problem = said.removeprefix(_DAMAGE[0])
    extra = _EXTRANEOUS.match(problem)
    if said.startswith(_DAMAGE) and not (extra and int(extra[1]) <= _MOST_EXTRANEOUS):
        raise Unreadable(f"is damaged: a JPEG that can't be decoded ({problem})")


def _bare(data: bytes, header: Header) -> bytes:
    """The file without notes of programs, and with what a sequential scan must say: nothing harmless is left to warn
    of. Its colours may be others, its damage is the same."""
    parts, place = [data[:2]], 2
    while (marker := data[place + 1]) != 0xDA:
        end = place + (1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2 : place + 4], "big"))
        if marker != 0xFE and not 0xE0 <= marker <= 0xEF:
            parts.append(data[place:end])
        place = end
    rest = data[place:]
    if not header.progressive:
        spectral = place + 5 + 2 * data[place + 4]
        rest = data[place:spectral] + b"\0\x3f\0" + data[spectral + 3 :]
    return b"".join([*parts, rest])


def _refuse_missing_scans(data: bytes, header: Header) -> None:
    """A file that ends between two scans is whole to libjpeg, and blurred or grey to all who look at it."""
    lowest: dict[int, bytearray] = {}  # of each component the lowest bit that came of each of its 64 coefficients
    try:
        _note_scans(data, header, lowest)
    except IndexError:  # cut off, which libjpeg notices
        return
    missing = header.components - sum(not any(bits) for bits in lowest.values())
    if missing > 0:
        raise Unreadable(f"is damaged: a JPEG without its last scans ({missing} of {header.components} colours are "
                         "incomplete)")


def _note_scans(data: bytes, header: Header, lowest: dict[int, bytearray]) -> None:
    place = header.scans
    while (marker := data[place + 1]) != 0xD9:
        if marker == 0xDA:
            place = _scan_end(data, _note_scan(data, place, header.progressive, lowest))
        else:
            place += 1 if marker == 0xFF else 2 + (data[place + 2] << 8 | data[place + 3])


def _note_scan(data: bytes, place: int, progressive: bool, lowest: dict[int, bytearray]) -> int:
    """Where the scan's bits begin."""
    count = data[place + 4]
    spectral = place + 5 + 2 * count
    first, last, low = (data[spectral], data[spectral + 1], data[spectral + 2] & 15) if progressive else (0, 63, 0)
    for component in data[place + 5 : spectral : 2]:
        bits = lowest.setdefault(component, bytearray([_NEVER] * 64))
        bits[first : last + 1] = bytes([low]) * (min(last, 63) + 1 - first)
    return spectral + 3


def _scan_end(data: bytes, place: int) -> int:
    """Where the marker behind a scan begins; an IndexError where there is none."""
    found = _MARKER.search(data, place)
    if found is None:
        raise IndexError(place)
    return found.end() - 2
