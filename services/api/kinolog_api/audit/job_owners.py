"""Whose a job is that the log cannot read: the archive has its commits too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from kinolog.codec.commits import DamagedCommit, decode_commit
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.event_store import DamagedLog
from kinolog.ports.read_model import ReadModel, ReadModelUnavailable
from kinolog.process.tasks import BackgroundTasks, within
from kinolog_api.rpc.errors import job_not_found

ANSWER_SECONDS = 2.0


def owners_in(archive: Iterable[ArchivedCommit]) -> set[str]:
    """Return the tenant in each archived commit that can be read: one, unless a commit is damaged."""
    owners = set()
    for archived in archive:
        with contextlib.suppress(DamagedCommit):
            owners.add(decode_commit(archived.position, archived.raw).commit.tenant)
    return owners


async def archived_owners(read_model: ReadModel, job_id: str) -> set[str]:
    """Return the owners in the archived commits of a job. Raises `ReadModelUnavailable`."""
    return owners_in(await read_model.archived_commits(job_id))


class JobOwners:
    """Tells a tenant that a job is damaged, and others that there is no such job."""

    def __init__(self, read_model: ReadModel) -> None:
        self._read_model = read_model
        self._endings = BackgroundTasks()

    async def error_for(self, tenant: str, job_id: str, damage: DamagedLog) -> Exception:
        """Return what a tenant is told of a damaged job: the damage, or that there is no such job."""
        return damage if await self._may_be(tenant, job_id) else job_not_found(job_id)

    async def _may_be(self, tenant: str, job_id: str) -> bool:
        """Return whether the job may be one of the tenant: the archive answers and names another owner otherwise."""
        try:
            owners = await within(ANSWER_SECONDS, archived_owners(self._read_model, job_id), self._endings)
        except (TimeoutError, ReadModelUnavailable):
            return True
        return not owners or tenant in owners
