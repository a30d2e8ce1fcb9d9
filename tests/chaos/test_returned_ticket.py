"""The job of a worker that dies under `kinolog up` does not wait for its ack wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog_client import JobEnded, JobUpdated, KinologClient
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

LONGER_THAN_THE_TEST = {"KINOLOG_WORKER_ACK_WAIT_SECONDS": "3600"}


def test_a_killed_workers_job_continues_when_the_worker_is_back(data_folder: Path) -> None:
    """Although no ticket times out, the job completes in a second attempt: the restarted worker returned its ticket."""
    with (
        whole_stack(data_folder, env=LONGER_THAN_THE_TEST) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        job_id = client.generate("bars", model="slow-card", steps=30).job_id
        for update in client.watch(job_id):
            if isinstance(update, JobUpdated) and (update.state.step or 0) >= 3:
                break
        before = {worker.name for worker in client.workers().workers}
        stack.process("worker-1").kill()
        last = list(client.watch(job_id))[-1]
        assert isinstance(last, JobEnded)
        assert (last.state.status, last.state.attempt) == ("completed", 2)
        assert before.isdisjoint(worker.name for worker in client.workers().workers)
