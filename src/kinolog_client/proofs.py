"""Whether a job's record is complete and untouched, as the gateway answers it."""

from __future__ import annotations

from kinolog_client.jobs import ClientModel
from kinolog_client.rest import GatewayRest

PROOF_SECONDS = 90.0
"""How long a proof may take: the service reads every file of the job to its end."""


class CheckInfo(ClientModel):
    """One thing that was checked."""

    name: str
    holds: bool
    detail: str = ""


class ProofInfo(ClientModel):
    """Every check of a job's record."""

    job_id: str
    valid: bool
    checks: tuple[CheckInfo, ...] = ()


async def prove(rest: GatewayRest, job_id: str) -> ProofInfo:
    """Have the record of a job checked. Raises `Trouble`."""
    return await rest.read(ProofInfo, f"/mcp/audit/{job_id}", seconds=PROOF_SECONDS)
