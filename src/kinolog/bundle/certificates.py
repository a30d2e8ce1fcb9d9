"""The certificate that signed a video, found in the bytes of the video by its SHA-256."""

from __future__ import annotations

from hashlib import sha256

_SEQUENCE = b"\x30\x82"
"""How a certificate in DER begins: a sequence whose length has two bytes."""
_HEADER_BYTES = 4
MOST_BYTES = 8_192
"""Longer certificates are not found."""


class CertificateSearch:
    """Looks through a file in chunks. `found` is the certificate; None until it has come, and without a fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._rest = b""
        self.found: bytes | None = None

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the file."""
        if self.found is not None or not self.fingerprint:
            return
        data = self._rest + chunk
        at = data.find(_SEQUENCE)
        while at >= 0:
            length = _HEADER_BYTES + int.from_bytes(data[at + 2 : at + _HEADER_BYTES], "big")
            candidate = data[at : at + length]
            if length <= MOST_BYTES and sha256(candidate).hexdigest() == self.fingerprint:
                self.found = candidate
                return
            at = data.find(_SEQUENCE, at + 1)
        self._rest = data[-MOST_BYTES:]
