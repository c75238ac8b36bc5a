"""Checks from a text file's first bytes that it is in the encoding that its source declares.

    head = read_head(file)                          # decompressed
    check_encoding(file.ref, head, "utf-8")

A few invalid bytes are damage of records, which are rejected when they are read. A file in which more bytes are
invalid than are valid characters beyond ASCII has another encoding: every word with an accent would be wrong.
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

from laketrain.clean.reading.raw_files import RawFile, reingest_hint
from laketrain.errors import DataError

HEAD = 1 << 20
"""The number of first bytes that are checked."""

_PACKED: Mapping[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda handle: cast("BinaryIO", gzip.GzipFile(fileobj=handle)),
    ".bz2": lambda handle: cast("BinaryIO", bz2.BZ2File(handle)),
    ".deflate": lambda handle: cast("BinaryIO", io.BufferedReader(_Inflated(handle))),
}
"""Decompressors by file name extension, as in Spark."""
_UNSUPPORTED = (".zst", ".lz4", ".snappy", ".zip", ".xz")

STRAYS = "laketrain.strays"
"""The error handler of `register_stray_bytes`, which keeps invalid bytes."""
_MAX_STRAYS = 2
_GUESSES = ("utf-8", "gb18030", "shift_jis", "windows-1252")


def read_head(file: RawFile) -> bytes:
    """The first bytes of a text file, decompressed. Raises DataError if that fails."""
    name = file.file.path.lower()
    other = next((ending for ending in _UNSUPPORTED if name.endswith(ending)), None)
    if other:
        raise DataError("clean", file.ref, f"is compressed as {other}, expected plain text or {', '.join(_PACKED)}",
                        f"replace it with one of these, and {reingest_hint(file)}")
    with file.open() as handle, name_damaged_file(file.ref):
        return open_text(handle, file.file.path).read(HEAD)


def is_valid_utf8(data: bytes) -> bool:
    """Whether `data` is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_compressed(path: str) -> bool:
    """Whether a file with that name is compressed."""
    return _ending(path) is not None


def open_text(handle: BinaryIO, path: str) -> BinaryIO:
    """The text of an open file, decompressed if its name has the extension of a compression."""
    ending = _ending(path)
    return handle if ending is None else _PACKED[ending](handle)


def register_stray_bytes() -> None:
    """Registers an error handler that decodes invalid bytes to lone surrogates, which aren't characters."""
    codecs.register_error(STRAYS, _kept)


def _kept(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start:error.end]), error.end


@contextmanager
def name_damaged_file(file: str) -> Iterator[None]:
    """Raises DataError, which names the `file`, if its compressed text, read in the with block, is damaged."""
    try:
        yield
    except (EOFError, OSError, zlib.error) as error:
        ending = _ending(file)
        if ending is None or isinstance(error, FileNotFoundError):
            raise
        raise DataError("clean", file, f"isn't a readable {ending} file: {error}",
                        "land a whole file, then ingest again") from error


def _ending(path: str) -> str | None:
    return next((ending for ending in _PACKED if path.lower().endswith(ending)), None)


class _Inflated(io.RawIOBase):
    """The decompressed content of a zlib stream."""

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
    """All bytes of a text file, decompressed. Raises EOFError, OSError or ValueError if that fails."""
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
    """Raises DataError, which names the file and the offset, if `head`, its first bytes, isn't text in `encoding`.

    chosen: the source's options define the encoding, not its format.
    """
    mark = _byte_order_mark(head)
    if mark and not codecs.lookup(encoding).name.startswith(codecs.lookup(mark).name):
        raise _wrong(file, f"starts with the byte order mark of {mark}", encoding, mark, chosen)
    name = codecs.lookup(encoding).name
    if name in ("utf-8", "ascii", "utf-8-sig") and _every_second_is_zero(head[:4096]):
        raise _wrong(file, f"has a zero byte at {head.index(0)}", encoding, "UTF-16", chosen)
    invalid, valid = _count(head, encoding)
    if len(invalid) > _MAX_STRAYS and len(invalid) > valid:
        problem = f"has the invalid byte 0x{head[invalid[0]]:02x} at {invalid[0]}, and {len(invalid) - 1} more"
        raise _wrong(file, problem, encoding, _guess(head), chosen)


def _every_second_is_zero(head: bytes) -> bool:
    """Whether most characters have a zero byte, as in UTF-16. A single one is damage of its record."""
    return any(2 * half.count(0) > len(half) for half in (head[::2], head[1::2]) if half)


def _count(head: bytes, encoding: str) -> tuple[list[int], int]:
    """The offsets of invalid bytes, and the number of valid characters beyond ASCII."""
    invalid: list[int] = []
    valid, start = 0, 0
    decoder = codecs.getdecoder(encoding)
    while start < len(head):
        try:
            text, _ = decoder(head[start:], "strict")
            return invalid, valid + _beyond_ascii(text)
        except UnicodeDecodeError as error:
            valid += _beyond_ascii(decoder(head[start:start + error.start], "ignore")[0])
            # The last character may be cut by the end of the sample.
            if len(head) >= HEAD and start + error.start >= len(head) - 4:
                break
            invalid.append(start + error.start)
            start += error.end
            if len(invalid) > 1000:
                break
    return invalid, valid


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
        # East Asian encodings accept most bytes, so the result must contain letters of that script.
        if encoding in ("utf-8", "windows-1252") or re.search(r"[\u3040-\u30ff\u4e00-\u9fff]{2}",
                                                             head.decode(encoding, "ignore")):
            return encoding
    return ""


def _wrong(file: str, problem: str, encoding: str, guess: str, chosen: bool) -> DataError:
    guessed = f"it reads as {guess}: " if guess else ""
    way = ("set the source's options.encoding to that, or convert the file" if chosen and guess else
           "set the source's options.encoding to the file's, or convert the file" if chosen else
           f"convert the file to {encoding}, or read it as csv of one column, by a separator that it doesn't have, in "
           f"options.encoding {guess or 'of the file'}")
    return DataError("clean", file, f"is not {encoding}: {problem}", guessed + way)
