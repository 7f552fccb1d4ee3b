"""Seals and opens files as the example `attachment` does.

attachment.py seal [--suite 1|2] SOURCE SEALED KEY
attachment.py open SEALED KEY TARGET
attachment.py cat SEALED KEY FIRST COUNT
attachment.py verify SEALED [ROOT]
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from attachments import Intake, Refusal, Sealer, key_file
from attachments.sealed_file import Beginning, length_of_beginning


def seal(source: Path, sealed: Path, key: Path, suite: int) -> None:
    """The list is known last, and written last into the place that was left free for it. What is not whole does not stay."""
    with open(source, "rb") as plain, open(sealed, "xb") as target:
        try:
            sealer = seal_into(target, plain, suite)
            write_key(key, sealer)
        except BaseException:
            sealed.unlink()
            raise


def seal_into(target, plain, suite: int) -> Sealer:
    """The chunks, and in the end what goes before them."""
    size = os.fstat(plain.fileno()).st_size
    sealer = Sealer(suite, secrets.token_bytes(32), secrets.token_bytes(16), size)
    target.seek(length_of_beginning(sealer.geometry))
    for chunk in sealer.stream(plain.read):
        target.write(chunk)
    target.seek(0)
    beginning = Beginning(sealer.geometry.padded, sealer.header.encode(), sealer.chunk_list())
    target.write(beginning.encode())
    target.flush()
    return sealer


def write_key(key: Path, sealer: Sealer) -> None:
    """The file reference, for nobody else to read."""
    # Nobody has uploaded it: blob id, origin and expiry are there because a reference has them.
    line = key_file.write(sealer.reference(), secrets.token_bytes(16), "nowhere.example", 1)
    with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
        target.write(line)


def open_whole(sealed: Path, key: Path, target: Path) -> None:
    """Chunk by chunk; what is not whole does not stay."""
    reference = key_file.read(key.read_bytes().decode("latin-1"))
    with open(sealed, "rb") as source, open(target, "xb") as plain:
        try:
            for chunk in Beginning.read(source.read).opener(reference).stream(source.read):
                plain.write(chunk)
        except BaseException:
            target.unlink()
            raise


def cat(sealed: Path, key: Path, first: int, count: int) -> None:
    """Reads and opens only the chunks that hold these bytes."""
    reference = key_file.read(key.read_bytes().decode("latin-1"))
    with open(sealed, "rb") as source:
        opener = Beginning.read(source.read).opener(reference)
        begin = length_of_beginning(opener.geometry)

        def fetch(start: int, length: int) -> bytes:
            source.seek(begin + start)
            return source.read(length)

        for part in opener.range(fetch, first, count):
            sys.stdout.buffer.write(part)


def verify(sealed: Path, root: "bytes | None") -> None:
    """As a server does, without a key."""
    with open(sealed, "rb") as source:
        padded, header, chunk_list = Beginning.read(source.read)
        intake = Intake(header, chunk_list, padded, root)
        intake.stream(source.read)


def main() -> int:
    """Ends with 1 if something was refused, and says so in one line."""
    parser = argparse.ArgumentParser(description="Seals and opens files.")
    commands = parser.add_subparsers(required=True)
    add(commands, "seal", seal, source=Path, sealed=Path, key=Path).add_argument("--suite", type=int, default=1)
    add(commands, "open", open_whole, sealed=Path, key=Path, target=Path)
    add(commands, "cat", cat, sealed=Path, key=Path, first=int, count=int)
    add(commands, "verify", verify, sealed=Path).add_argument("root", type=bytes.fromhex, nargs="?")
    arguments = vars(parser.parse_args())
    try:
        arguments.pop("run")(**arguments)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def add(commands, name: str, run, **arguments: type) -> argparse.ArgumentParser:
    """A command and what it takes."""
    command = commands.add_parser(name)
    command.set_defaults(run=run)
    for argument, kind in arguments.items():
        command.add_argument(argument, type=kind)
    return command


if __name__ == "__main__":
    sys.exit(main())
