"""What fetches a blob from a server."""

import hashlib
import hmac

from .framing import expand, extract, framed
from .refusal import require


def capability(file_key: bytes, blob: bytes) -> bytes:
    """What a member shows to a server."""
    return expand(extract(b"", file_key), "blob fetch", blob)


def capability_hash(shown: bytes) -> bytes:
    """What a server keeps of it: SHA-256, whatever the suite."""
    return hashlib.sha256(framed("blob capability", shown)).digest()


def check_capability(shown: bytes, stored_hash: bytes) -> None:
    """Whether it opens the blob (V-650)."""
    right = hmac.compare_digest(capability_hash(shown), stored_hash)
    require(right, 609, "V-650", "the capability does not open this blob")
