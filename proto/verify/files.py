"""Vectors of whole sealed files."""

import io

from attachments import Intake, Opener, Reference, Sealer, capability, capability_hash, check_capability
from pattern import equal, pattern


def seal(number: int, vector: dict) -> "tuple[Sealer, list[bytes]]":
    """Seals a vector's file from its key and salt."""
    size = vector["size"]
    sealer = Sealer(number, bytes.fromhex(vector["file_key"]), bytes.fromhex(vector["salt"]), size)
    return sealer, list(sealer.stream(io.BytesIO(pattern(0, size)).read))


def opener(suite: int, vector: dict, chunk_list: "bytes | None" = None) -> Opener:
    """What opens a vector's file. Large ones have their list from a formula."""
    key, root, header = (bytes.fromhex(vector[name]) for name in ("file_key", "root", "header"))
    reference = Reference(suite, key, root, vector["size"], vector["padded_size"])
    return Opener(reference, header, bytes.fromhex(vector["chunk_hashes"]) if chunk_list is None else chunk_list)


def check(number: int, vector: dict) -> None:
    """Seals, compares, opens in every way, and checks as a server does."""
    sealer, sealed = seal(number, vector)
    key, blob = bytes.fromhex(vector["file_key"]), bytes.fromhex(vector["blob"])
    equal("header", sealer.header.encode(), vector["header"])
    equal("payload key", sealer.header.payload_key(key), vector["payload_key"])
    equal("list", sealer.chunk_list(), vector["chunk_hashes"])
    equal("root", sealer.reference().root, vector["root"])
    assert sealer.reference().padded == vector["padded_size"], "padded size differs"
    assert len(sealed) == len(vector["sealed_chunks"]), "number of chunks differs"
    for index, told in enumerate(vector["sealed_chunks"]):
        if told is not None:
            equal(f"sealed chunk {index}", sealed[index], told)
    equal("capability", capability(key, blob), vector["capability"])
    equal("capability hash", capability_hash(capability(key, blob)), vector["capability_hash"])
    check_capability(bytes.fromhex(vector["capability"]), bytes.fromhex(vector["capability_hash"]))
    check_opening(opener(number, vector), sealed)
    check_server(vector, sealed)


def check_opening(opener: Opener, sealed: "list[bytes]") -> None:
    """By chunk, whole, as a stream, and from places within."""
    size = opener.reference.size
    plain = pattern(0, size)
    whole = b"".join(sealed)
    assert b"".join(opener.chunk(index, chunk) for index, chunk in enumerate(sealed)) == plain, "chunks differ"
    assert opener.whole(whole) == plain, "the whole differs"
    assert b"".join(opener.stream(io.BytesIO(whole).read)) == plain, "the stream differs"
    places = [0, 1, 65_535, 65_536, 65_537, size // 2, size - 1, size, size + 1]
    for start in [place for place in places if place >= 0]:
        for length in [0, 1, 65_536, size]:
            part = b"".join(opener.range(lambda at, n: whole[at : at + n], start, length))
            assert part == plain[start : start + length], f"{length} bytes from {start} differ"


def check_server(vector: dict, sealed: "list[bytes]") -> None:
    """A server takes the file in, whether it knows the root or not."""
    header, chunk_list, root = (bytes.fromhex(vector[name]) for name in ("header", "chunk_hashes", "root"))
    for known in [None, root]:
        intake = Intake(header, chunk_list, vector["padded_size"], known)
        for index, chunk in enumerate(sealed):
            intake.chunk(index, chunk)
