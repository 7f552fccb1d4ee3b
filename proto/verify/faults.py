"""Vectors of what has to be refused."""

from typing import Callable

import files
from attachments import Intake, Refusal, check_capability, of_sealed_size

# The rules that a server checks too, which has neither key nor size nor the message's suite.
SERVER = {"V-601", "V-602", "V-603", "V-604", "V-613", "V-614", "V-620", "V-630", "V-631"}
UNSEEN = {"the other suite"}


def refused(vector: dict, what: Callable[[], object], *other_codes: int) -> None:
    """Whether it is refused with the code that the vector names, by the rule that it names, or with another code."""
    told = vector["code"], vector["rule"]
    try:
        what()
    except Refusal as refusal:
        right = (refusal.code, refusal.rule) == told or refusal.code in other_codes
        assert right, f"it has to be refused with {told}, not: {refusal}"
    else:
        raise AssertionError(f"it is not refused, and has to be with {told}")


def check(vector: dict, whole_files: "list[dict]") -> None:
    """A fault that a recipient finds, and, where it can, a server."""
    sealed = chunk(vector, whole_files) if "chunk" in vector else None
    if sealed is not None:
        opener = files.opener(vector["suite"], vector)
        refused(vector, lambda: opener.chunk(vector["chunk"]["index"], sealed))
    elif "sealed_size" in vector:
        opener = files.opener(vector["suite"], vector)
        refused(vector, lambda: opener.check_sealed_size(vector["sealed_size"]))
        refused(vector, lambda: opener.whole(bytes(vector["sealed_size"])))
    else:
        refused(vector, lambda: files.opener(vector["suite"], vector))
    if vector["rule"] in SERVER and vector["fault"] not in UNSEEN:
        # A server checks the geometry before the root, a recipient after it.
        refused(vector, lambda: take_in(vector, sealed), *([602] if vector["rule"] == "V-620" else []))


def chunk(vector: dict, whole_files: "list[dict]") -> bytes:
    """The sealed chunk of a fault: in bytes, or a chunk of one of the files."""
    handed = vector["chunk"]
    if "sealed" in handed:
        return bytes.fromhex(handed["sealed"])
    of = next(file for file in whole_files if file["name"] == handed["of"])
    return files.seal(vector["suite"], of)[1][handed["of_index"]]


def take_in(vector: dict, sealed: "bytes | None") -> None:
    """What a server does with it."""
    header, chunk_list, root = (bytes.fromhex(vector[name]) for name in ("header", "chunk_hashes", "root"))
    intake = Intake(header, chunk_list, vector["padded_size"], root)
    if sealed is not None:
        intake.chunk(vector["chunk"]["index"], sealed)


def server(vector: dict) -> None:
    """A fault that only a server meets."""
    if "sealed_size" in vector:
        refused(vector, lambda: of_sealed_size(vector["sealed_size"]))
    else:
        shown, stored = bytes.fromhex(vector["capability"]), bytes.fromhex(vector["capability_hash"])
        refused(vector, lambda: check_capability(shown, stored))
