"""Pauses of a job and of the queue, over a restart of everything."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from kinolog_client import JobEnded, JobUpdated, KinologClient
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(600)]

SETTINGS = {"KINOLOG_WORKER_ACK_WAIT_SECONDS": "3", "KINOLOG_WORKER_CHECKPOINT_SECONDS": "0.05"}


def _submitted(client: KinologClient) -> str:
    return client.generate(
        "a red circle moving right on a blue background", model="kinolog-tiny", steps=100, seed=3, frames=33
    ).job_id


def _completed(client: KinologClient, job_id: str) -> None:
    last = list(client.watch(job_id))[-1]
    assert isinstance(last, JobEnded)
    assert last.state.status == "completed"


def _is(client: KinologClient, job_id: str, status: str) -> bool:
    return client.status(job_id).status == status


def _alarms(client: KinologClient) -> list[str]:
    return [alarm.name for alarm in client.alarms().alarms]


def test_pauses_outlive_every_process(data_folder: Path) -> None:
    """A job that was paused within a scene goes on at its checkpoint. Its frames are those of the uninterrupted job."""
    with whole_stack(data_folder, env=SETTINGS) as stack, KinologClient(stack.addresses["gateway"]) as client:
        whole = _submitted(client)
        _completed(client, whole)
        job_id = _submitted(client)
        for update in client.watch(job_id):
            assert not isinstance(update, JobEnded)
            if isinstance(update, JobUpdated) and (update.state.step or 0) >= 20:
                break
        client.pause(job_id)
        wait_until(partial(_is, client, job_id, "queued"), "the job has stopped")
        error = client.status(job_id).attempts[0].error
        assert error is not None
        assert error.code == "PAUSED"
        client.pause_queue(reason="a test")
        wait_until(lambda: "queue-paused" in _alarms(client), "the dispatcher knows the pause")
        waiting = client.generate("a star", model="kinolog-tiny", steps=2, frames=9).job_id
    with whole_stack(data_folder, env=SETTINGS) as stack, KinologClient(stack.addresses["gateway"]) as client:
        wait_until(lambda: "queue-paused" in _alarms(client), "the alarm")
        client.resume(job_id)
        assert {client.status(each).status for each in (job_id, waiting)} == {"queued"}
        assert [pause.reason for pause in client.resume_queue().pauses] == []
        for each in (job_id, waiting):
            _completed(client, each)
        assert client.status(job_id).attempt == 2
        assert client.result(job_id).media == client.result(whole).media
        assert any(
            line.message.startswith("the video goes on from step") for line in client.logs(job_id).entries
        )
