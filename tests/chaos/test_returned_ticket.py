"""The job of a worker that dies under `kinolog up` does not wait for its ack wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinolog_client import JobEnded, KinologClient
from tests.chaos.test_kills import denoises
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

LONGER_THAN_THE_TEST = {"KINOLOG_WORKER_ACK_WAIT_SECONDS": "3600"}


def test_a_killed_workers_job_continues_when_the_worker_is_back(data_folder: Path) -> None:
    """Although no ticket times out, the job completes in a second attempt: the restarted worker returned its ticket."""
    go_on = data_folder.parent / "go"
    with (
        whole_stack(data_folder, env=LONGER_THAN_THE_TEST) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        job_id = client.generate(f"bars until {go_on}", model="card").job_id
        wait_until(lambda: denoises(client, job_id), "the job is in the middle of denoising")
        before = {worker.name for worker in client.workers().workers}
        stack.process("worker-1").kill()
        go_on.touch()
        last = list(client.watch(job_id))[-1]
        assert isinstance(last, JobEnded)
        assert (last.state.status, last.state.attempt) == ("completed", 2)
        assert before.isdisjoint(worker.name for worker in client.workers().workers)
