"""Whether a text file is in the encoding that its source names, told from its beginning.

    head = head_of(file)                            # as Spark reads it: of a .csv.gz the text, too
    check_encoding(file.ref, head, "utf-8")

A stray byte or two is damage of a record, and that record is rejected when it is read. A file in which more bytes are
foreign, and more of them than read right, is written in another encoding: every word with an accent would be wrong.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from typing import BinaryIO

from laketrain.clean.reading.landed import RawFile
from laketrain.errors import DataError

HEAD = 1 << 20
"""Bytes of a file that are looked at."""

_HEADS: Mapping[str, Callable[[BinaryIO], bytes]] = {
    ".gz": lambda handle: gzip.GzipFile(fileobj=handle).read(HEAD),
    ".bz2": lambda handle: bz2.BZ2File(handle).read(HEAD),
    ".deflate": lambda handle: zlib.decompressobj().decompress(handle.read(HEAD), HEAD),
}
"""By the end of a file's name, by which Spark decompresses it, too."""
_OTHERS = (".zst", ".lz4", ".snappy", ".zip", ".xz")

_STRAY = 2
_GUESSES = ("utf-8", "gb18030", "shift_jis", "windows-1252")


def head_of(file: RawFile) -> bytes:
    """The first bytes of a text file, decompressed. Raises DataError where that can't be done."""
    name = file.file.path.lower()
    other = next((ending for ending in _OTHERS if name.endswith(ending)), None)
    if other:
        raise DataError("clean", file.ref, f"is compressed as {other}, expected plain text or {', '.join(_HEADS)}",
                        "deliver it as one of these, under a new name")
    ending = next((ending for ending in _HEADS if name.endswith(ending)), None)
    with file.open() as handle:
        if ending is None:
            return handle.read(HEAD)
        try:
            return _HEADS[ending](handle)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError("clean", file.ref, f"is no readable {ending} file: {error}",
                            "land a whole file, then ingest again") from error


def whole(path: str, handle: BinaryIO) -> bytes:
    """All bytes of a text file, decompressed. Raises EOFError, OSError or ValueError where that can't be done."""
    name = path.lower()
    try:
        if name.endswith(".gz"):
            return gzip.GzipFile(fileobj=handle).read()
        if name.endswith(".bz2"):
            return bz2.BZ2File(handle).read()
        return _inflated(handle.read()) if name.endswith(".deflate") else handle.read()
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _inflated(content: bytes) -> bytes:
    unpacked = zlib.decompressobj()
    plain = unpacked.decompress(content)
    if not unpacked.eof:
        raise EOFError("it ends before its compressed stream does")
    return plain


def check_encoding(file: str, head: bytes, encoding: str) -> None:
    """Raises DataError, naming the file and the place, where `head`, its first bytes, isn't text in `encoding`."""
    mark = _byte_order_mark(head)
    if mark and not codecs.lookup(encoding).name.startswith(codecs.lookup(mark).name):
        raise _wrong(file, f"begins with the mark of {mark}", encoding, mark)
    name = codecs.lookup(encoding).name
    if name in ("utf-8", "ascii", "utf-8-sig") and b"\0" in head[:4096]:
        raise _wrong(file, f"has a zero byte at {head.index(0)}", encoding, "UTF-16")
    foreign, right = _tally(head, encoding)
    if len(foreign) > _STRAY and len(foreign) > right:
        raise _wrong(file, f"has the byte 0x{head[foreign[0]]:02x} at {foreign[0]}, and {len(foreign) - 1} more that "
                     "don't belong", encoding, _guess(head))


def _tally(head: bytes, encoding: str) -> tuple[list[int], int]:
    """The offsets of bytes that don't decode, and how many characters beyond ASCII do."""
    foreign: list[int] = []
    right, start = 0, 0
    decoder = codecs.getdecoder(encoding)
    while start < len(head):
        try:
            text, _ = decoder(head[start:], "strict")
            return foreign, right + _beyond_ascii(text)
        except UnicodeDecodeError as error:
            right += _beyond_ascii(decoder(head[start:start + error.start], "ignore")[0])
            # The last character may be cut by the end of the sample.
            if len(head) >= HEAD and start + error.start >= len(head) - 4:
                break
            foreign.append(start + error.start)
            start += error.end
            if len(foreign) > 1000:
                break
    return foreign, right


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _byte_order_mark(head: bytes) -> str:
    marks = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"),
             (codecs.BOM_UTF16_BE, "UTF-16"))
    return next((name for mark, name in marks if head.startswith(mark)), "")


def _guess(head: bytes) -> str:
    for encoding in _GUESSES:
        try:
            codecs.getincrementaldecoder(encoding)("strict").decode(head)
        except UnicodeDecodeError:
            continue
        # An East Asian encoding takes most bytes; it is believed where it makes letters of that script.
        if encoding in ("utf-8", "windows-1252") or re.search(r"[\u3040-\u30ff\u4e00-\u9fff]{2}",
                                                             head.decode(encoding, "ignore")):
            return encoding
    return ""


def _wrong(file: str, problem: str, encoding: str, guess: str) -> DataError:
    known = f"it reads as {guess}: set the source's options.encoding to that" if guess else (
        "set the source's options.encoding to the file's")
    return DataError("clean", file, f"is not {encoding}: {problem}", f"{known}, or convert the file")
