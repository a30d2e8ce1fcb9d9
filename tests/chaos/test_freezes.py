"""SIGSTOP to every process while jobs run: each is found by its silence and replaced, and every job ends."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from kinolog_client import GatewayError, KinologClient
from tests.fixtures.waits import WAIT_SECONDS, wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(900)]

VICTIMS = ("api", "gateway", "projector", "worker-1", "nats-server", "postgres")
ENV = {"KINOLOG_SILENT_SECONDS": "5", "KINOLOG_WORKER_ACK_WAIT_SECONDS": "3600"}
"""No ticket times out during the test: the restarted worker returns the one that its predecessor held."""


def _accepted(client: KinologClient, request_id: str, model: str) -> str:
    """Submit until it is acknowledged. Return the id of the job."""

    def submitted() -> str | None:
        try:
            return client.generate("bars", model=model, request_id=request_id).job_id
        except GatewayError:
            return None

    job_id = wait_until(submitted, "the submit is accepted", seconds=2 * WAIT_SECONDS)
    assert job_id is not None
    return job_id


def _status(client: KinologClient, job_id: str) -> str:
    try:
        return client.status(job_id).status
    except GatewayError:
        return "unknown"


def _is_listed(client: KinologClient, job_id: str) -> bool:
    try:
        return any(job.job_id == job_id for job in client.jobs(limit=100).jobs)
    except GatewayError:
        return False


def test_every_process_is_frozen_while_a_job_runs(data_folder: Path) -> None:
    """The frozen process is started again, a new job is accepted and listed, and the one that ran completes."""
    with (
        whole_stack(data_folder, env=ENV) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        for victim in VICTIMS:
            running = _accepted(client, f"running-{victim}", "slow-card")
            wait_until(
                partial(_status, client, running), "the job runs", lambda status: status == "processing"
            )
            process = stack.process(victim)
            starts, pid = process.starts, process.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            assert process.wait_started(starts + 1), victim
            later = _accepted(client, f"later-{victim}", "card")
            for job_id in (running, later):
                ended = wait_until(
                    partial(_status, client, job_id),
                    f"the job ends after {victim} froze",
                    lambda status: status in ("completed", "failed", "cancelled"),
                    seconds=3 * WAIT_SECONDS,
                )
                assert ended == "completed"
            wait_until(partial(_is_listed, client, later), "the job is listed", seconds=2 * WAIT_SECONDS)
