"""Runs every vector of `vectors/attachments.json`. Ends with status 1 if one fails."""

import json
import sys
from collections import Counter
from pathlib import Path

import faults
import files
import large
import pieces
from attachments import of_padded, of_sealed_size, of_size

VECTORS = Path(__file__).parent.parent / "vectors" / "attachments.json"

KINDS = {
    "suite",
    "files",
    "faults",
    "large",
    "large_faults",
    "sealed_files",
    "sealed_file_faults",
    "sealings",
    "unspoken",
}


def geometry(vector: dict) -> None:
    """What follows from a size, and from what is known without it."""
    made = of_size(vector["size"])
    told = vector["padded_size"], vector["log2_chunk"], vector["chunks"]
    assert made == told, f"geometry is {tuple(made)}"
    assert made.sealed_size == vector["sealed_size"], f"sealed size is {made.sealed_size}"
    assert of_padded(made.padded) == made, "the padded size gives another geometry"
    assert of_sealed_size(made.sealed_size) == made, "the sealed size gives another geometry"


def checks(vectors: dict):
    """Every vector: its kind, its name, and what checks it."""
    unknown = vectors.keys() - {"about", "geometry", "suites", "server_faults"}
    assert not unknown, f"vectors of unknown kinds: {unknown}"
    for vector in vectors["geometry"]:
        yield "geometry", f"{vector['size']} bytes", geometry, (vector,)
    for vector in vectors["server_faults"]:
        yield "server fault", vector["fault"], faults.server, (vector,)
    for suite in vectors["suites"]:
        number = suite["suite"]
        unknown = suite.keys() - KINDS
        assert not unknown, f"vectors of unknown kinds: {unknown}"
        for vector in suite["files"]:
            yield f"suite {number}: file", vector["name"], files.check, (number, vector)
        for vector in suite["faults"]:
            yield f"suite {number}: fault", vector["fault"], faults.check, (vector, suite["files"])
        for vector in suite.get("large", []):
            yield f"suite {number}: large file", vector["name"], large.check, (number, vector)
        for vector in suite.get("large_faults", []):
            yield f"suite {number}: large fault", vector["fault"], large.check_fault, (number, vector, suite["large"])
        for vector in suite["sealed_files"]:
            yield f"suite {number}: sealed file", vector["of"], pieces.check, (number, vector, suite["files"])
        for vector in suite["sealed_file_faults"]:
            yield f"suite {number}: sealed file fault", vector["fault"], pieces.check_fault, (number, vector)
        for vector in suite["sealings"]:
            yield f"suite {number}: sealing", vector["name"], pieces.sealing, (number, vector)
        if "unspoken" in suite:
            yield f"suite {number}: unspoken", suite["unspoken"]["fault"], pieces.unspoken, (number, suite["unspoken"])


def main() -> int:
    """Prints how many vectors of each kind hold, and a line for each that does not."""
    held, failed = Counter(), Counter()
    for kind, name, check, arguments in checks(json.loads(VECTORS.read_text())):
        try:
            check(*arguments)
            held[kind] += 1
        except Exception as error:
            failed[kind] += 1
            print(f"FAILED: {kind} '{name}': {type(error).__name__}: {error}", file=sys.stderr)
    for kind in sorted(held | failed):
        print(f"{kind}: {held[kind]} of {held[kind] + failed[kind]}")
    print(f"{held.total()} passed, {failed.total()} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
