"""The key file: a FileRef (`content.proto`) in its canonical encoding, as one line of hexadecimal."""

import re
from typing import Iterator

from .reference import Reference
from .refusal import Refusal, require
from .suite import suite_of

VARINT, BYTES = 0, 2
KNOWN_KINDS = {0, 1, 2, 5}
LABEL = b"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
AGENCY = re.compile(LABEL + rb"(\." + LABEL + b")+")
SUITE = 4
KINDS = {1: BYTES, 2: BYTES, 3: VARINT, 4: VARINT, 5: BYTES, 6: BYTES, 7: VARINT, 8: VARINT}


def write(reference: Reference, blob: bytes, origin: str, expires_at: int) -> str:
    """The line, with its end."""
    suite, file_key, root, size, padded = reference
    return encode([blob, origin.encode(), expires_at, suite, file_key, root, size, padded]).hex() + "\n"


def read(line: str) -> Reference:
    """What the line says, as far as opening needs it (V-101, V-103, V-112, V-113, V-119, V-602)."""
    text = line.removesuffix("\n")
    require(re.fullmatch("([0-9a-f]{2})*", text) is not None, 102, "V-112", "a key file is not hexadecimal")
    data = bytes.fromhex(text)
    values = {number: b"" if kind == BYTES else 0 for number, kind in KINDS.items()}
    values.update(fields(data))
    require(encode(list(values.values())) == data, 103, "V-113", "a file reference is not in its one encoding")
    blob, origin, _expires_at, suite, file_key, root, size, padded = values.values()
    require(len(blob) == 16, 105, "V-103", f"a blob id has {len(blob)} bytes")
    right = len(origin) <= 253 and AGENCY.fullmatch(origin) is not None
    require(right, 105, "V-101", "the origin is not an agency id")
    suite_of(suite)
    for name, value in [("file key", file_key), ("root", root)]:
        require(len(value) == 32, 106, "V-119", f"a {name} has {len(value)} bytes")
    return Reference(suite, file_key, root, size, padded)


def encode(values: "list[bytes | int]") -> bytes:
    """The fields in their order, those with their default value left out."""
    made = b""
    for (number, kind), value in zip(KINDS.items(), values):
        if value:
            made += varint(number << 3 | kind)
            made += varint(len(value)) + value if kind == BYTES else varint(value)
    return made


def fields(data: bytes) -> "Iterator[tuple[int, bytes | int]]":
    """Number and value of each field."""
    while data:
        key, data = take_varint(data)
        number, kind = key >> 3, key & 7
        require(number > 0 and kind in KNOWN_KINDS, 102, "V-112", "there is no such field or wire type")
        require(number in KINDS, 103, "V-113", f"a file reference has no field {number}")
        require(kind == KINDS[number], 102, "V-112", f"field {number} is of another wire type")
        value, data = take_varint(data)
        if kind == BYTES:
            require(value <= len(data), 102, "V-112", f"field {number} is cut short")
            value, data = data[:value], data[value:]
        # `suite` is a uint32: what a number has beyond that is not in its one encoding.
        yield number, value & 0xFFFFFFFF if number == SUITE else value


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes(made) + bytes([value])


def take_varint(data: bytes) -> "tuple[int, bytes]":
    """A number, and what comes after it."""
    value = 0
    for place, byte in enumerate(data[:10]):
        value |= (byte & 127) << (7 * place)
        if byte < 128 and value < 1 << 64:
            return value, data[place + 1 :]
    raise Refusal(102, "V-112", "a number does not end")
