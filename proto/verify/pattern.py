"""The files of the vectors: byte k is k mod 251."""


def pattern(start: int, length: int) -> bytes:
    """These bytes of a file."""
    turn = start % 251
    return (bytes(range(251)) * (length // 251 + 2))[turn : turn + length]


def equal(what: str, made: bytes, told: str) -> None:
    """Whether bytes are those that a vector tells."""
    assert made.hex() == told, f"{what} is {made[:64].hex()}, not {told[:128]}"
