"""The text of an XML file in UTF-8, whatever encoding the file says that it has."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from laketrain.clean.reading.encoding import STRAYS, check_encoding, register_stray_bytes
from laketrain.errors import DataError

_CHUNK = 32 << 10
_PROLOG = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_BARE = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_STRAY = re.compile("[\udc00-\udcff]")
_REMEDY = "set the source's options.encoding to the file's own, or mend its first line"


def encoding_of(file: str, head: bytes, given: str | None) -> str:
    """The encoding of the `file` that begins with `head`: the `given` one or that of its mark, else its first line's.

    Raises DataError where it can't be that.
    """
    name = given or _said(file, head)
    check_encoding(file, head, name)
    return name


def _said(file: str, head: bytes) -> str:
    for mark, name in (*_MARKS, *_BARE):
        if head.startswith(mark):
            return name
    prolog = _PROLOG.match(head.lstrip()[:1000])
    if prolog is None:
        return "utf-8"
    said = prolog[1].decode("ascii", "replace")
    try:
        codecs.lookup(said)
        # A first line that can be read so is in none of the encodings in which a letter is two bytes.
        plain = "<?xml".encode(said).endswith(b"<?xml")
    except (LookupError, UnicodeError):
        raise DataError("clean", file, f"says that its encoding is {said!r}, which is none known here",
                        _REMEDY) from None
    if not plain:
        raise DataError("clean", file, f"says that its encoding is {said}, but its first line isn't", _REMEDY)
    return said


def chunks(handle: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The open file's text, without its mark. A byte that is no text is half of a surrogate pair there, at which the
    parser ends."""
    register_stray_bytes()
    decoder = codecs.getincrementaldecoder(encoding)(STRAYS)
    first = True
    while True:
        data = handle.read(_CHUNK)
        text = decoder.decode(data, not data)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text.encode("utf-8", "surrogatepass")
        if not data:
            return


def legible(raw: bytes, encoding: str) -> tuple[str, str | None]:
    """Text as it came, and which of its bytes is none, in words; None where all are."""
    text = raw.decode("utf-8", "surrogatepass")
    stray = _STRAY.search(text)
    if stray is None:
        return text, None
    problem = f"holds the byte 0x{ord(stray[0]) - 0xDC00:02X}, which is no {encoding.upper()}"
    return _STRAY.sub("\ufffd", text), problem
