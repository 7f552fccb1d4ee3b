"""Vectors of large files, of which only some chunks are sealed."""

import files
from attachments import Intake, Opener, Sealer
from attachments.chunk_list import root
from faults import SERVER, refused
from pattern import equal, pattern


def chunk_list(vector: dict) -> bytes:
    """The list: given hashes of given chunks, and four times the index for every other."""
    given = {chunk["index"]: bytes.fromhex(chunk["hash"]) for chunk in vector["chunks"]}
    return b"".join(given.get(index) or index.to_bytes(8, "big") * 4 for index in range(vector["hashes"]))


def seal(number: int, vector: dict, index: int) -> "tuple[Sealer, bytes]":
    """Seals one chunk of a large file."""
    key, salt = bytes.fromhex(vector["file_key"]), bytes.fromhex(vector["salt"])
    sealer = Sealer(number, key, salt, vector["size"])
    wanted = sealer.wants(index)
    return sealer, sealer.chunk(index, pattern(wanted.start, len(wanted)))


def check(number: int, vector: dict) -> None:
    """Seals the given chunks, compares, opens them, and checks them as a server does."""
    hashes = chunk_list(vector)
    opener = files.opener(number, vector, hashes)
    intake = Intake(bytes.fromhex(vector["header"]), hashes, vector["padded_size"], opener.reference.root)
    equal("root", root(opener.header, vector["padded_size"], hashes), vector["root"])
    for told in vector["chunks"]:
        index = told["index"]
        sealer, sealed = seal(number, vector, index)
        equal("header", sealer.header.encode(), vector["header"])
        equal(f"hash {index}", sealer.hashes[index], told["hash"])
        equal(f"tag {index}", sealed[-16:], told["tag"])
        intake.chunk(index, sealed)
        check_opening(opener, index, sealed)


def check_opening(opener: Opener, index: int, sealed: bytes) -> None:
    """The chunk opened by itself, and by reading what it holds of the file."""
    geometry, size = opener.geometry, opener.reference.size
    start, length = geometry.start(index), geometry.length(index)
    plain = pattern(start, max(0, min(length, size - start)))
    assert opener.chunk(index, sealed) == plain, f"chunk {index} differs"

    def fetch(at: int, count: int) -> bytes:
        assert (at, count) == (geometry.sealed_start(index), len(sealed)), "another chunk is fetched"
        return sealed

    for skip in [0, 1, length - 1]:
        part = b"".join(opener.range(fetch, start + skip, length - skip))
        assert part == plain[skip:], f"chunk {index} from {skip} differs"


def check_fault(number: int, vector: dict, large_files: "list[dict]") -> None:
    """A fault in a large file."""
    hashes = chunk_list(vector)
    header, root_told = bytes.fromhex(vector["header"]), bytes.fromhex(vector["root"])
    if "chunk" in vector:
        index, of_index = vector["chunk"]["index"], vector["chunk"]["of_index"]
        of = next(file for file in large_files if file["name"] == "4 GiB + 1")
        sealed = seal(number, of, of_index)[1]
        opener = files.opener(number, vector, hashes)
        refused(vector, lambda: opener.chunk(index, sealed))
        intake = Intake(header, hashes, vector["padded_size"], root_told)
        refused(vector, lambda: intake.chunk(index, sealed))
    else:
        refused(vector, lambda: files.opener(number, vector, hashes))
        if vector["rule"] in SERVER:
            refused(vector, lambda: Intake(header, hashes, vector["padded_size"], root_told))
