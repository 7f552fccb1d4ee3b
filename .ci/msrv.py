"""Reads `cargo metadata`; fails if a crate declares a newer Rust than the library does."""

import json
import sys

packages = json.load(sys.stdin)["packages"]
number = lambda version: tuple(int(part) for part in (version.split(".") + ["0", "0"])[:3])

claimed = next(p["rust_version"] for p in packages if p["name"] == "verbund")
declared = [p for p in packages if p["rust_version"]]
newer = [p for p in declared if number(p["rust_version"]) > number(claimed)]
for p in newer:
    print(f"{p['name']} {p['version']} needs Rust {p['rust_version']}")
if newer:
    sys.exit(f"rust-version = {claimed} is not true")
print(f"{len(declared)} of {len(packages)} crates declare a Rust version, none newer than {claimed}")
