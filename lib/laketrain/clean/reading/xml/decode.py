"""Detects the encoding of an XML file, and decodes it to UTF-8."""

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
_REMEDY = "set the source's options.encoding to that of the file, or correct its first line"


def detect_encoding(file: str, head: bytes, configured: str | None) -> str:
    """The encoding of the `file` that begins with `head`: `configured`, or else by its byte order mark or first line.

    Raises DataError if the file can't be in that encoding.
    """
    name = configured or _declared_encoding(file, head)
    check_encoding(file, head, name)
    return name


def _declared_encoding(file: str, head: bytes) -> str:
    for mark, name in (*_MARKS, *_BARE):
        if head.startswith(mark):
            return name
    prolog = _PROLOG.match(head.lstrip()[:1000])
    if prolog is None:
        return "utf-8"
    declared = prolog[1].decode("ascii", "replace")
    try:
        codecs.lookup(declared)
        # The first line was matched byte by byte, so its encoding can't have two bytes for a letter.
        consistent = "<?xml".encode(declared).endswith(b"<?xml")
    except (LookupError, UnicodeError):
        raise DataError("clean", file, f"declares the encoding {declared!r}, which isn't supported",
                        _REMEDY) from None
    if not consistent:
        raise DataError("clean", file, f"declares the encoding {declared}, but its first line isn't in it", _REMEDY)
    return declared


def decode_chunks(handle: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The open file's text in UTF-8, without its byte order mark. An invalid byte becomes half of a surrogate pair, at
    which the parser stops."""
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


def decode_record(raw: bytes, encoding: str) -> tuple[str, str | None]:
    """The original text, and a problem that names its first invalid byte; None if all are valid."""
    text = raw.decode("utf-8", "surrogatepass")
    stray = _STRAY.search(text)
    if stray is None:
        return text, None
    problem = f"holds the byte 0x{ord(stray[0]) - 0xDC00:02X}, which isn't {encoding.upper()}"
    return _STRAY.sub("\ufffd", text), problem
