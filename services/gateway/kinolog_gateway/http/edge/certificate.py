"""The certificate of the gateway while it runs: replaced files count for the connections that follow."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from kinolog.connections.tls import CertificateUnusable, ServerCertificate, load_pair
from kinolog.process.files.followed_content import FollowedContent


class LoadedCertificate:
    """The files of a server's certificate. A changed file of client authorities needs a new start."""

    def __init__(self, files: ServerCertificate) -> None:
        """Read the files. Raises `CertificateUnusable`."""
        self._files = files
        self._context = files.context()
        self._content = FollowedContent(
            "certificate", files.paths, self._load, CertificateUnusable, event="certificate"
        )

    def context(self, _: Any, __: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        """Return the context of the server, as uvicorn asks for it."""
        return self._context

    def load_changed(self) -> None:
        """Load the files if they have changed. Of unusable ones an error is logged, and nothing else happens."""
        self._content.read_changed()

    def _load(self) -> None:
        self._files.context()
        load_pair(self._context, self._files.certificate, self._files.key)
