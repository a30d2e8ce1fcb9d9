"""A timestamp authority (RFC 3161): its token proves that a head was there at a time."""

from __future__ import annotations

from hashlib import sha256

from kinolog.adapters.heads.posted_heads import HttpAddress
from kinolog.merkle.witness import PublishedHead
from kinolog.ports.tree.head_target import HeadNotSent

EVERY_SECONDS = 3_600.0
"""A head proves all before it, and an authority is not asked more often."""


class TimestampedHeads:
    """Has the note of a head stamped. What it returns is the answer of the authority in DER, with its certificates."""

    every_seconds = EVERY_SECONDS

    def __init__(self, url: str) -> None:
        """Take the address of an authority. Raises `ValueError` if it is none."""
        self._address = HttpAddress(url)

    @property
    def name(self) -> str:
        return f"tsa+{self._address.name}"

    async def send(self, head: PublishedHead) -> bytes:
        # Imported here: its library is loaded by the projectors that need it.
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

        note = head.signed.note.encode()
        request = (
            TimestampRequestBuilder()
            .data(note)
            .hash_algorithm(HashAlgorithm.SHA256)
            .cert_request(cert_request=True)
            .build()
        )
        headers = {"Content-Type": "application/timestamp-query"}
        answer = await self._address.post(request.as_bytes(), headers)
        try:
            response = decode_timestamp_response(answer)
            if response.status not in (0, 1):
                reasons = "; ".join(response.status_string) or "without a reason"
                raise HeadNotSent(f"the authority refuses with status {response.status}: {reasons}")
            stamped = response.tst_info
            is_ours = stamped.message_imprint.message == sha256(note).digest()
            if not is_ours or stamped.nonce != request.nonce:
                raise HeadNotSent("the authority stamped something else")
        except ValueError as error:
            raise HeadNotSent(f"the authority sent no timestamp: {error}") from error
        return answer

    async def close(self) -> None:
        await self._address.close()
