"""The file reference: what a message says of a sealed file, as far as opening needs it."""

from typing import NamedTuple


class Reference(NamedTuple):
    """Suite, file key, root, size and padded size."""

    suite: int
    file_key: bytes
    root: bytes
    size: int
    padded: int
