"""Port: the certificates of erasure, as the projector stores them."""

from __future__ import annotations

from typing import Protocol

from kinolog.merkle.erasure_certificate import SignedCertificate


class ErasureCertificateReader(Protocol):
    """Reads certificates. Raises `ReadModelUnavailable` if the database is unreachable."""

    async def erasure_certificates(
        self, tenant: str, *, after: int = 0, limit: int = 100, erasure_id: str = "", job_id: str = ""
    ) -> list[SignedCertificate]:
        """Return the tenant's certificates that follow the one with the number `after`, oldest first.

        With an `erasure_id` those of this erasure alone; with a `job_id` those that name this job.
        """
        ...
