"""Encryption of a job's key on its way to the worker that asked for it. All workers read the same subjects of NATS."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class EnvelopeUnreadable(Exception):
    """The envelope is not for this receiver and this job, or was changed."""


class EnvelopeReceiver:
    """The receiver of one envelope."""

    def __init__(self) -> None:
        self._private_key = X25519PrivateKey.generate()

    @property
    def public_key(self) -> bytes:
        """What the sender encrypts for: 32 bytes."""
        return self._private_key.public_key().public_bytes_raw()

    def read(self, envelope: bytes, job_id: str) -> bytes:
        """Return the key in an envelope. Raises `EnvelopeUnreadable`."""
        try:
            return _SUITE.decrypt(envelope, self._private_key, _info(job_id))
        except (InvalidTag, ValueError) as error:
            raise EnvelopeUnreadable(f"the key of job {job_id} does not open for this worker") from error


def envelope_for(public_key: bytes, key: bytes, job_id: str) -> bytes:
    """Return the key of a job, encrypted for who has the other half of `public_key`. Raises `ValueError`."""
    return _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public_key), _info(job_id))


def _info(job_id: str) -> bytes:
    return f"kinolog key of job {job_id}".encode()
