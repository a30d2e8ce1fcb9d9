"""The certificate of the gateway while it runs: replaced files count for the connections that follow."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any

from kinolog.connections.tls import CertificateUnusable, ServerCertificate, load_pair
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)


class LoadedCertificate:
    """The files of a server's certificate. A changed file of client authorities needs a new start."""

    def __init__(self, files: ServerCertificate) -> None:
        """Read the files. Raises `CertificateUnusable`."""
        self._files = files
        self._context = files.context()
        self._version = files.version()

    def context(self, _: Any, __: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return the context of the server, as uvicorn asks for it."""
        return self._context

    def load_changed(self, context: ssl.SSLContext) -> None:
        """Load the files if they have changed. Of unusable ones an error is logged, and nothing else happens."""
        version = self._files.version()
        if version == self._version:
            return
        self._version = version
        try:
            self._files.context()
            load_pair(context, self._files.certificate, self._files.key)
        except CertificateUnusable as error:
            logger.error(
                "the changed certificate is not used, the earlier one stays in force: %s",
                error,
                extra=fields("certificate_refused"),
            )
            return
        logger.info("the certificate has changed", extra=fields("certificate_read"))
