"""Vectors of sealed files in one piece, and of sealing."""

import io

import files
from attachments import Opener, Reference, Sealer
from attachments.sealed_file import Beginning
from faults import refused
from pattern import equal, pattern


def reference(suite: int, vector: dict) -> Reference:
    """What the message says of the file."""
    key, root = bytes.fromhex(vector["file_key"]), bytes.fromhex(vector["root"])
    return Reference(suite, key, root, vector["size"], vector["padded_size"])


def open_piece(said: Reference, piece: bytes) -> bytes:
    """Opens it as a stream, to its end."""
    source = io.BytesIO(piece)
    return b"".join(Beginning.read(source.read).opener(said).stream(source.read))


def check(number: int, vector: dict, whole_files: "list[dict]") -> None:
    """Writes the beginning, and opens what comes of it and the chunks."""
    of = next(file for file in whole_files if file["name"] == vector["of"])
    sealer, sealed = files.seal(number, of)
    beginning = Beginning(sealer.geometry.padded, sealer.header.encode(), sealer.chunk_list()).encode()
    equal("beginning", beginning, vector["beginning"])
    piece = bytes.fromhex(vector["beginning"]) + b"".join(sealed)
    assert open_piece(reference(number, of), piece) == pattern(0, of["size"]), "the file differs"


def check_fault(number: int, vector: dict) -> None:
    """A sealed file that does not open."""
    piece = bytes.fromhex(vector["sealed_file"])
    refused(vector, lambda: open_piece(reference(number, vector), piece))


def sealing(number: int, vector: dict) -> None:
    """A sealing that goes on after an interruption, or has to end."""
    before = bytes.fromhex(vector["before"])
    hashes = [before[at : at + 32] for at in range(0, len(before), 32)]
    key, salt = bytes.fromhex(vector["file_key"]), bytes.fromhex(vector["salt"])
    source = bytearray(pattern(0, vector["source_size"]))
    if vector["changed"] is not None:
        source[vector["changed"]] ^= 1

    def seal() -> bytes:
        sealer = Sealer(number, key, salt, vector["size"], hashes)
        for _ in sealer.stream(io.BytesIO(source).read):
            pass
        return sealer.chunk_list()

    if "code" in vector:
        refused(vector, seal)
    else:
        assert seal().startswith(before), "what was sealed before differs"


def unspoken(number: int, vector: dict) -> None:
    """Whoever does not speak the suite does not open the file; who does, does."""
    header, chunk_list = bytes.fromhex(vector["header"]), bytes.fromhex(vector["chunk_hashes"])
    said = reference(number, vector)
    refused(vector, lambda: Opener(said, header, chunk_list, spoken=frozenset({1})))
    Opener(said, header, chunk_list)
