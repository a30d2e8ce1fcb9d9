"""The credentials of an encrypted gRPC server. Replaced files count for the connections that follow."""

from __future__ import annotations

import logging

import grpc

from kinolog.connections.tls import CertificateUnusable, ServerCertificate
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


class CertificateFiles:
    """The content of the files that is in force: that of the last usable version."""

    def __init__(self, files: ServerCertificate) -> None:
        """Read the files. Raises `CertificateUnusable`."""
        self._files = files
        self._version = files.version()
        self.current = _configuration(files)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new content if the files were replaced by usable ones since the last call, else None."""
        version = self._files.version()
        if version == self._version:
            return None
        self._version = version
        try:
            self.current = _configuration(self._files)
        except CertificateUnusable as error:
            logger.error(
                "the changed certificate is not used, the earlier one stays in force: %s",
                error,
                extra=fields("certificate_refused"),
            )
            return None
        logger.info("the certificate has changed", extra=fields("certificate_read"))
        return self.current


def server_credentials(files: ServerCertificate) -> grpc.ServerCredentials:
    """Return the credentials of a server with these files. Raises `CertificateUnusable`."""
    known = CertificateFiles(files)
    return grpc.dynamic_ssl_server_credentials(
        known.current,
        known.changed,  # type: ignore[arg-type]  # the stubs forget that None means "as before"
        require_client_authentication=files.client_authority is not None,
    )


def _configuration(files: ServerCertificate) -> grpc.ServerCertificateConfiguration:
    certificate, key, authority = files.content()
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)
