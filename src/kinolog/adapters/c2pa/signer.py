"""Signs videos with the certificate and key of two files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zlib import compress, crc32

from c2pa import Builder, C2paError, C2paSignerInfo, Context, Settings, Signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from kinolog.adapters.c2pa.assertions import ACTIONS_LABEL, CREATED, manifest_of
from kinolog.provenance import Provenance, SigningFailed, UnsignableVideo

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_SETTINGS = {
    # The signature is checked, not who trusts it: that is the reader's choice.
    "verify": {"verify_after_sign": True, "verify_trust": False, "remote_manifest_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True, slots=True)
class _SigningIdentity:
    """A certificate chain and the key of its first certificate, both in PEM, and the algorithm of that key."""

    algorithm: str
    chain: bytes
    key: bytes
    fingerprint: str


class C2paSigner:
    """Embeds a signed C2PA manifest into MP4 files.

    The two files are read for each video, so that a renewed certificate is used without a restart. `certificate` holds
    the signing certificate and then those between it and the root, in PEM; `key` its private key in PEM, not encrypted.
    The library holds the video in memory twice for a moment, and spills to temporary files beyond 512 MB.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key

    def check(self) -> None:
        """Sign a small picture, so that an unusable certificate is noticed at start. Raises `SigningFailed`."""
        created = {"label": ACTIONS_LABEL, "data": {"actions": [CREATED]}}
        definition = {"assertions": [created], "format": "image/png"}
        self._embed(definition, "image/png", BytesIO(_small_picture()), BytesIO(), self._identity())

    def sign(self, source: Path, target: Path, provenance: Provenance) -> str:
        identity = self._identity()
        with source.open("rb") as unsigned, target.open("w+b") as signed:
            try:
                self._embed(manifest_of(provenance), "video/mp4", unsigned, signed, identity)
            except SigningFailed as error:
                self.check()  # the certificate is not the reason, or this says so
                raise UnsignableVideo(f"{source.name}: {error}") from error
            signed.flush()
        return identity.fingerprint

    def _embed(
        self, definition: object, media_type: str, source: object, target: object, identity: _SigningIdentity
    ) -> None:
        """Write a signed copy and check its signature and hashes. Raises `SigningFailed`."""
        info = C2paSignerInfo(identity.algorithm, identity.chain, identity.key, None)
        try:
            with (
                Settings.from_dict(_SETTINGS) as settings,
                Context(settings) as context,
                Signer.from_info(info) as signer,
                Builder.from_json(json.dumps(definition), context) as builder,
            ):
                builder.sign(signer, media_type, source, target)
        except C2paError as error:
            raise SigningFailed(f"{self._certificate}: {' '.join(str(error).split())}") from error

    def _identity(self) -> _SigningIdentity:
        """Read certificate and key. Raises `SigningFailed`."""
        try:
            chain, secret = self._certificate.read_bytes(), self._key.read_bytes()
            leaf = x509.load_pem_x509_certificates(chain)[0]
            key = load_pem_private_key(secret, password=None)
        except OSError as error:
            raise SigningFailed(f"{error.filename} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise SigningFailed(
                f"{self._certificate} and {self._key} must hold a certificate chain and a private key in PEM "
                f"without a password: {error}"
            ) from error
        if _public_bytes(key.public_key()) != _public_bytes(leaf.public_key()):
            raise SigningFailed(f"{self._key} is not the key of the first certificate in {self._certificate}")
        fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
        return _SigningIdentity(_algorithm_of(key), chain, secret, fingerprint)


def _public_bytes(key: object) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]  # every kind of key has it
    return encoded


def _algorithm_of(key: PrivateKeyTypes) -> str:
    """Return the name of the signature algorithm that C2PA allows for a key. Raises `SigningFailed`."""
    match key:
        case EllipticCurvePrivateKey(curve=curve) if curve.name in _CURVES:
            return _CURVES[curve.name]
        case RSAPrivateKey():
            return "ps256"
        case Ed25519PrivateKey():
            return "ed25519"
        case _:
            raise SigningFailed(
                "C2PA allows no signatures with this kind of key; make one on the curve P-256"
            )


def _small_picture() -> bytes:
    """Return a PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + crc32(kind + data).to_bytes(4)

    header = (1).to_bytes(4) + (1).to_bytes(4) + bytes((8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", compress(bytes(2)))
        + chunk(b"IEND", b"")
    )
