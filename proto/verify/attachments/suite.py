"""The algorithms of each suite."""

import hashlib
from typing import NamedTuple

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .framing import framed
from .refusal import Refusal, require

TAG = 16


class Suite(NamedTuple):
    """Number, AEAD and hash."""

    number: int
    aead: type
    new_hash: type

    def hash(self, label: str, *parts: bytes) -> bytes:
        """H in its labelled form. The last part is not copied, because it may be long."""
        *short, last = parts
        hasher = self.new_hash(framed(label, *short) + len(last).to_bytes(8, "big"))
        hasher.update(last)
        return hasher.digest()

    def seal(self, key: bytes, nonce: bytes, plain: bytes) -> bytes:
        """Ciphertext and tag."""
        return self.aead(key).encrypt(nonce, plain, None)

    def open(self, key: bytes, nonce: bytes, sealed: bytes) -> bytes:
        """The plaintext (V-632)."""
        try:
            return self.aead(key).decrypt(nonce, sealed, None)
        except InvalidTag:
            raise Refusal(203, "V-632", "the sender sealed the chunk wrongly") from None


SUITES = {
    1: Suite(1, ChaCha20Poly1305, blake3),
    2: Suite(2, AESGCM, hashlib.sha256),
}


def suite_of(number: int) -> Suite:
    """The suite of this number (V-602)."""
    require(number in SUITES, 204, "V-602", f"there is no suite {number}")
    return SUITES[number]


def check_spoken(suite: Suite, spoken: "frozenset[int]") -> None:
    """Whether files of this suite are opened and sealed here (V-616)."""
    require(suite.number in spoken, 204, "V-616", f"suite {suite.number} is not spoken")
