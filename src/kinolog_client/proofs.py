"""Whether a job's record is complete and untouched, as the gateway answers it."""

from __future__ import annotations

from kinolog_client.jobs import View
from kinolog_client.rest import Rest

PROOF_SECONDS = 90.0
"""How long a proof may take: the service reads every file of the job to its end."""


class Check(View):
    """One thing that was checked."""

    name: str
    holds: bool
    detail: str = ""


class Proof(View):
    """Every check of a job's record."""

    job_id: str
    valid: bool
    checks: tuple[Check, ...] = ()


async def prove(rest: Rest, job_id: str) -> Proof:
    """Have the record of a job checked. Raises `Trouble`."""
    return await rest.read(Proof, f"/mcp/audit/{job_id}", seconds=PROOF_SECONDS)
