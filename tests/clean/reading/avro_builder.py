"""Small Avro files, written without a library: numbers, texts and unions with null."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

_MARK = bytes(range(16))


def schema(**fields: Any) -> dict[str, Any]:
    """A record's schema, its fields in their order."""
    return {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def avro(kind: dict[str, Any], rows: Sequence[Sequence[Any]], block: int = 100) -> bytes:
    """A file of rows, with so many in a block."""
    meta = {"avro.schema": json.dumps(kind).encode(), "avro.codec": b"null"}
    pairs = b"".join(_bytes(name.encode()) + _bytes(value) for name, value in meta.items())
    parts = [b"Obj\x01", _number(len(meta)), pairs, _number(0), _MARK]
    for start in range(0, len(rows), block):
        group = rows[start:start + block]
        data = b"".join(_value(value, field["type"]) for row in group
                        for value, field in zip(row, kind["fields"], strict=True))
        parts += [_number(len(group)), _bytes(data), _MARK]
    return b"".join(parts)


def _value(value: Any, kind: Any) -> bytes:
    if isinstance(kind, dict):
        kind = kind["type"]
    if kind in ("float", "double"):
        return struct.pack("<f" if kind == "float" else "<d", value)
    return _number(value) if isinstance(value, int) else _bytes(value.encode() if isinstance(value, str) else value)


def _number(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _bytes(data: bytes) -> bytes:
    return _number(len(data)) + data
