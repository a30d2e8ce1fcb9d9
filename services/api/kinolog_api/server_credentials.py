"""The credentials of an encrypted gRPC server. Replaced files count for the connections that follow."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc

from kinolog.connections.tls import CertificateUnusable, ServerCertificate
from kinolog.process.files.followed_content import FollowedContent


def server_credentials(files: ServerCertificate) -> grpc.ServerCredentials:
    """Return the credentials of a server with these files. Raises `CertificateUnusable`."""
    known = FollowedContent(
        "certificate", files.paths, partial(_configuration, files), CertificateUnusable, event="certificate"
    )

    def changed() -> Any:  # the stubs leave out that None means "as before"
        return known.current if known.read_changed() else None

    return grpc.dynamic_ssl_server_credentials(
        known.current,
        changed,
        require_client_authentication=files.client_authority is not None,
    )


def _configuration(files: ServerCertificate) -> grpc.ServerCertificateConfiguration:
    certificate, key, authority = files.content()
    return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)
