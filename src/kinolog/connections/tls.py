"""Certificates of connections (decision 110): the files of a server and of a client, and what is wrong with them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class CertificateUnusable(ValueError):
    """A file of certificates or a private key cannot be used. The text names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """The certificate that a server shows, with those up to its root, its private key, and whose clients it admits.

    With `client_authority` a client must show a certificate that one of these issued. It identifies nobody: calls need
    their key all the same.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context of a server. Raises `CertificateUnusable`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        load_pair(context, self.certificate, self.key)
        if self.client_authority is not None:
            trust_only(context, self.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def content(self) -> tuple[bytes, bytes, bytes | None]:
        """Return certificate, key and authorities as PEM. Raises `CertificateUnusable`."""
        self.context()
        authority = self.client_authority
        try:
            pair = self.certificate.read_bytes(), self.key.read_bytes()
            return (*pair, authority.read_bytes() if authority is not None else None)
        except OSError as error:
            raise CertificateUnusable(f"cannot read a certificate or its key: {error}") from error

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files."""
        return tuple(path for path in (self.certificate, self.key, self.client_authority) if path is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """Whose servers a client trusts, None for the authorities of the system, and the certificate that it shows."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context of a client, which checks the server's name. Raises `CertificateUnusable`."""
        context = (
            ssl.create_default_context()
            if self.authority is None
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        if self.authority is not None:
            trust_only(context, self.authority)
        if self.certificate is not None and self.key is not None:
            load_pair(context, self.certificate, self.key)
        return context

    def content(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Return authorities, key and certificate as PEM, None for what there is not. Raises `CertificateUnusable`."""
        self.context()
        try:
            found = [
                path.read_bytes() if path else None for path in (self.authority, self.key, self.certificate)
            ]
        except OSError as error:
            raise CertificateUnusable(f"cannot read a certificate or its key: {error}") from error
        return found[0], found[1], found[2]


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load a certificate and its key. Raises `CertificateUnusable`."""
    try:
        # a key with a password is refused, where OpenSSL would ask for it on the terminal
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        why = "write both as PEM, without a password"
        if error.reason == "KEY_VALUES_MISMATCH":
            why = "they do not belong together"
        raise CertificateUnusable(
            f"the certificate {certificate} cannot be used with the key {key}: {why}"
        ) from error
    except OSError as error:
        raise CertificateUnusable(
            f"cannot read the certificate {certificate} or its key {key}: {error}"
        ) from error


def trust_only(context: ssl.SSLContext, authority: Path) -> None:
    """Trust the certificates that the authorities in a file issued. Raises `CertificateUnusable`."""
    try:
        context.load_verify_locations(authority)
    except ssl.SSLError as error:
        raise CertificateUnusable(
            f"the file {authority} has no certificates of authorities in PEM"
        ) from error
    except OSError as error:
        raise CertificateUnusable(
            f"cannot read the certificates of authorities {authority}: {error}"
        ) from error
