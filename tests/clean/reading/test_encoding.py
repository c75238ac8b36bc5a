"""Text of any encoding is converted to UTF-8."""

from __future__ import annotations

import pytest

from laketrain.clean.reading.csv.slices import utf8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "windows-1252", "gb18030"])
def test_a_text_is_converted_to_utf_8_in_pieces_and_an_invalid_byte_raises(encoding: str):
    text = 'id,"x\ny"\n1,é\n'
    data = text.encode(encoding)
    assert b"".join(utf8((data[at:at + 1] for at in range(len(data))), encoding)).decode() == text
    if encoding == "windows-1252":
        with pytest.raises(UnicodeDecodeError):
            b"".join(utf8([b"a\x81b"], encoding)).decode()
