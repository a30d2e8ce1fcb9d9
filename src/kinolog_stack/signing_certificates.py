"""The certificate with which the workers of a stack sign videos: a chain of its own, or the one that the settings name.

The chain has a root, which stands for this installation, and a signing certificate under it. Other programs show the
signer of such a video as unknown, unless someone adds `root.pem` to the roots that they trust. There is no timestamp
authority, so both are valid for long; the signing certificate is made again in good time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from kinolog.durable_files import PRIVATE_FOLDER, locked_folder, make_folder, write_durably
from kinolog_stack.errors import StartError
from kinolog_stack.settings import StackSettings

CERTIFICATE_SETTING = "KINOLOG_SIGNING_CERTIFICATE"
KEY_SETTING = "KINOLOG_SIGNING_KEY"

ROOT_VALIDITY = timedelta(days=50 * 365)
SIGNER_VALIDITY = timedelta(days=10 * 365)
RENEWED_BEFORE_END = timedelta(days=365)
_VALID_BEFORE = timedelta(days=1)
"""Clocks of other machines may be behind."""

_CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""The key usage of C2PA for certificates that sign claims. Older readers require the one for e-mail instead."""


class SigningChain:
    """The files of a chain in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root.pem"
        self.root_key = folder / "root.key"
        self.signer = folder / "signer.pem"
        self.signer_key = folder / "signer.key"

    def ensure(self) -> None:
        """Make what is missing, and renew a signing certificate that ends soon.

        A root is made once. Its key is never replaced, since with another one nobody would know the signer of later
        videos. Raises `OSError`, `ValueError`.
        """
        make_folder(self.folder, mode=PRIVATE_FOLDER, above=PRIVATE_FOLDER)
        with locked_folder(self.folder):
            if not os.path.lexists(self.root):  # a link to a missing disk is there
                self._make_root()
            if not self._signer_is_usable():
                self._make_signer()

    def problem(self) -> str:
        """Return why no signing certificate can be made under the root; empty if one can."""
        if not any(os.path.lexists(path) for path in (self.root, self.root_key, self.signer)):
            return ""
        try:
            self._root_and_key()
        except (OSError, ValueError) as error:
            return f"{error}. Restore it from its copy: without it no certificate follows this one."
        return ""

    def _root_and_key(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Return the root's certificate and its key. Raises `OSError`, `ValueError`."""
        root, key = _read_certificate(self.root), _read_key(self.root_key)
        if key.public_key() != root.public_key():
            raise ValueError(f"{self.root_key} is not the key of {self.root}")
        return root, key

    def _make_root(self) -> None:
        """Make the root's certificate, of the key that is there. Only a folder without a chain gets a new key."""
        if not os.path.lexists(self.root_key):
            if self.signer.exists():
                raise ValueError(
                    f"{self.root} and {self.root_key} are missing, and {self.signer} is of that root"
                )
            _write_key(self.root_key, ec.generate_private_key(ec.SECP256R1()))
        key = _read_key(self.root_key)
        name = _name(f"kinolog root {_short_id(key.public_key())}")
        builder = _certificate(key, name, issuer=name, validity=ROOT_VALIDITY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
        _write(self.root, builder.sign(key, hashes.SHA256()))

    def _make_signer(self) -> None:
        root, root_key = self._root_and_key()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"kinolog {_short_id(root_key.public_key())}")
        builder = _certificate(key, name, issuer=root.subject, validity=SIGNER_VALIDITY)
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, _CLAIM_SIGNING])
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(usages, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        _write_key(self.signer_key, key)
        _write(self.signer, builder.sign(root_key, hashes.SHA256()))

    def _signer_is_usable(self) -> bool:
        """Return whether key, certificate and root belong together. If not, another one is made under the root."""
        if not self.signer.exists() or not self.signer_key.exists():
            return False
        try:
            signer, key = _read_certificate(self.signer), _read_key(self.signer_key)
        except ValueError:
            return False
        if key.public_key() != signer.public_key():
            return False  # `up` was interrupted between the two files
        with suppress(OSError, ValueError):  # a root that cannot be read ends no start: the doctor names it
            root = _read_certificate(self.root)
            try:
                signer.verify_directly_issued_by(root)
            except (ValueError, TypeError, InvalidSignature):
                return False
        return signer.not_valid_after_utc - datetime.now(UTC) > RENEWED_BEFORE_END


def signing_env(chain: SigningChain, settings: StackSettings) -> Mapping[str, str]:
    """Return the settings with which the workers sign; none if signing is off. Make the chain if need be.

    Raises `StartError`.
    """
    if not settings.signing:
        return {}
    certificate, key = settings.signing_certificate, settings.signing_key
    if (certificate is None) is not (key is None):
        raise StartError(
            f"{CERTIFICATE_SETTING} and {KEY_SETTING} belong together, and only one of them is set.",
            "Set both, or none to sign with a certificate of this installation.",
        )
    if certificate is not None and key is not None:
        found = {CERTIFICATE_SETTING: certificate, KEY_SETTING: key}
        return {name: str(path.expanduser().absolute()) for name, path in found.items()}
    try:
        chain.ensure()
    except (OSError, ValueError) as error:
        raise StartError(
            f"the certificates in {chain.folder} cannot be used: {error}.",
            "Nothing was replaced. Restore the folder from its copy, or move it away for new certificates: later "
            "videos then have another signer. KINOLOG_SIGNING=false makes unsigned videos.",
        ) from error
    return {CERTIFICATE_SETTING: str(chain.signer), KEY_SETTING: str(chain.signer_key)}


def certificate_end(path: Path) -> datetime:
    """Return when the first certificate of a PEM file expires. Raises `OSError`, `ValueError`."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc


def _name(common_name: str) -> x509.Name:
    """Return a subject. It names no person and no machine: it is in every video."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "self-signed"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _short_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return what tells this installation from others."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()[:8]


def _certificate(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, *, issuer: x509.Name, validity: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _VALID_BEFORE)
        .not_valid_after(now + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return a private key. Raises `OSError`, `ValueError`; the messages name the file."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path} holds no whole private key ({error})") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is not a key on an elliptic curve")
    return key


def _read_certificate(path: Path) -> x509.Certificate:
    """Return a certificate. Raises `OSError`, `ValueError`; the messages name the file."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} holds no whole certificate ({error})") from error


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    write_durably(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))


def _write(path: Path, certificate: x509.Certificate) -> None:
    write_durably(path, certificate.public_bytes(Encoding.PEM).decode("ascii"))
