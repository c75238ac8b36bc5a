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
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from laketrain.clean.reading.landed import RawFile, land_anew
from laketrain.errors import DataError

HEAD = 1 << 20
"""Bytes of a file that are looked at."""

_PACKED: Mapping[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda handle: cast("BinaryIO", gzip.GzipFile(fileobj=handle)),
    ".bz2": lambda handle: cast("BinaryIO", bz2.BZ2File(handle)),
    ".deflate": lambda handle: cast("BinaryIO", io.BufferedReader(_Inflated(handle))),
}
"""By the end of a file's name, by which Spark decompresses it, too."""
_OTHERS = (".zst", ".lz4", ".snappy", ".zip", ".xz")

STRAYS = "laketrain.strays"
"""The name under which `keep_strays` makes known to decoders how to keep bytes that are no text."""
_STRAY = 2
_GUESSES = ("utf-8", "gb18030", "shift_jis", "windows-1252")


def head_of(file: RawFile) -> bytes:
    """The first bytes of a text file, decompressed. Raises DataError where that can't be done."""
    name = file.file.path.lower()
    other = next((ending for ending in _OTHERS if name.endswith(ending)), None)
    if other:
        raise DataError("clean", file.ref, f"is compressed as {other}, expected plain text or {', '.join(_PACKED)}",
                        f"deliver it as one of these in its place, and {land_anew(file)}")
    with file.open() as handle, named_damage(file.ref):
        return plain_text(handle, file.file.path).read(HEAD)


def decodes(data: bytes) -> bool:
    """Whether it is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_packed(path: str) -> bool:
    """Whether a file of that name is compressed."""
    return _ending(path) is not None


def plain_text(handle: BinaryIO, path: str) -> BinaryIO:
    """The text of an open file, decompressed where its name says that it is compressed."""
    ending = _ending(path)
    return handle if ending is None else _PACKED[ending](handle)


def keep_strays() -> None:
    """From now on in this process a stray byte can be half of a surrogate pair, which is no character."""
    codecs.register_error(STRAYS, _kept)


def _kept(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start:error.end]), error.end


@contextmanager
def named_damage(file: str) -> Iterator[None]:
    """Names the `file` where its compressed text, which is read inside, is damaged."""
    try:
        yield
    except (EOFError, OSError, zlib.error) as error:
        ending = _ending(file)
        if ending is None or isinstance(error, FileNotFoundError):
            raise
        raise DataError("clean", file, f"is no readable {ending} file: {error}",
                        "land a whole file, then ingest again") from error


def _ending(path: str) -> str | None:
    return next((ending for ending in _PACKED if path.lower().endswith(ending)), None)


class _Inflated(io.RawIOBase):
    """What a zlib stream holds."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._inflate = handle, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        text = b""
        while not text and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._handle.read(len(buffer))
            if not packed:
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            text = self._inflate.decompress(packed, len(buffer))
        buffer[:len(text)] = text
        return len(text)


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


def check_encoding(file: str, head: bytes, encoding: str, chosen: bool = True) -> None:
    """Raises DataError, naming the file and the place, where `head`, its first bytes, isn't text in `encoding`, which
    is `chosen` by the source, or its format's."""
    mark = _byte_order_mark(head)
    if mark and not codecs.lookup(encoding).name.startswith(codecs.lookup(mark).name):
        raise _wrong(file, f"begins with the mark of {mark}", encoding, mark, chosen)
    name = codecs.lookup(encoding).name
    if name in ("utf-8", "ascii", "utf-8-sig") and _every_second_is_zero(head[:4096]):
        raise _wrong(file, f"has a zero byte at {head.index(0)}", encoding, "UTF-16", chosen)
    foreign, right = _tally(head, encoding)
    if len(foreign) > _STRAY and len(foreign) > right:
        raise _wrong(file, f"has the byte 0x{head[foreign[0]]:02x} at {foreign[0]}, and {len(foreign) - 1} more that "
                     "don't belong", encoding, _guess(head), chosen)


def _every_second_is_zero(head: bytes) -> bool:
    """Whether most characters have a zero byte, as UTF-16 has them; a stray one is damage of its record."""
    return any(2 * half.count(0) > len(half) for half in (head[::2], head[1::2]) if half)


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


def _wrong(file: str, problem: str, encoding: str, guess: str, chosen: bool) -> DataError:
    known = f"it reads as {guess}: " if guess else ""
    way = ("set the source's options.encoding to that, or convert the file" if chosen and guess else
           "set the source's options.encoding to the file's, or convert the file" if chosen else
           f"convert the file to {encoding}, or read it as csv of one column, by a separator that it doesn't have, in "
           f"options.encoding {guess or 'of the file'}")
    return DataError("clean", file, f"is not {encoding}: {problem}", known + way)
