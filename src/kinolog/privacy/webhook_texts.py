"""Seals and unseals the address and the secret of a webhook, under the key of the webhook."""

from __future__ import annotations

from kinolog.access.webhook import ADDRESS_PURPOSE, SECRET_PURPOSE, SealedText
from kinolog.job.values import Sealed
from kinolog.privacy.sealer import Sealer


class WebhookSealer:
    """The texts of one webhook. Without a key, since the webhook is deleted, every call raises `KeyErased`."""

    def __init__(self, webhook_id: str, key: bytes | None) -> None:
        self._sealer = Sealer(webhook_id, key)

    def sealed_address(self, address: str) -> SealedText:
        """Return the sealed address."""
        return self._sealed(address, ADDRESS_PURPOSE)

    def sealed_secret(self, secret: str) -> SealedText:
        """Return the sealed secret."""
        return self._sealed(secret, SECRET_PURPOSE)

    def address(self, sealed: SealedText) -> str:
        """Return the address. Raises `UnsealFailed`."""
        return self._unsealed(sealed, ADDRESS_PURPOSE)

    def secret(self, sealed: SealedText) -> str:
        """Return the secret. Raises `UnsealFailed`."""
        return self._unsealed(sealed, SECRET_PURPOSE)

    def _sealed(self, text: str, purpose: str) -> SealedText:
        sealed = self._sealer.seal(text, purpose)
        return SealedText(nonce=sealed.nonce, ciphertext=sealed.ciphertext)

    def _unsealed(self, sealed: SealedText, purpose: str) -> str:
        return self._sealer.unseal(Sealed(nonce=sealed.nonce, ciphertext=sealed.ciphertext), purpose)
