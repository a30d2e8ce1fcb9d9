"""Parts of a live video, sealed under the key of its job, each by itself. An empty part is its end.

The form is storage, for as long as the job runs.
"""

from __future__ import annotations

from kinolog.job.values import Sealed
from kinolog.privacy.sealed_content import TAG_BYTES
from kinolog.privacy.sealer import NONCE_BYTES, Sealer

_ADDED_BYTES = NONCE_BYTES + TAG_BYTES


class LiveVideoSealer:
    """Seals and unseals the parts of one attempt's live video. Attempt and number are authenticated with each part."""

    def __init__(self, sealer: Sealer, attempt: int) -> None:
        self._sealer = sealer
        self._attempt = attempt

    def seal(self, content: bytes, number: int) -> bytes:
        """Return a part, sealed. Raises `KeyErased`."""
        sealed = self._sealer.seal_bytes(content, self._purpose(number))
        return sealed.nonce + sealed.ciphertext

    def unseal(self, sealed: bytes, number: int) -> bytes:
        """Return the content of a part. Raises `UnsealFailed`, `KeyErased`."""
        text = Sealed(nonce=sealed[:NONCE_BYTES], ciphertext=sealed[NONCE_BYTES:])
        return self._sealer.unseal_bytes(text, self._purpose(number))

    def _purpose(self, number: int) -> str:
        return f"live_video/{self._attempt}/{number}"


def content_bytes(sealed_bytes: int) -> int:
    """Return how many bytes of the video a sealed part of this size has. 0 for the end."""
    return max(0, sealed_bytes - _ADDED_BYTES)
