"""SIGKILL to a worker within a scene, or a critical job: the next attempt goes on from the last checkpoint.

The video is the same.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from kinolog_client import JobEnded, JobUpdated, KinologClient
from kinolog_client.models.history import EventInfo
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(1800)]

SETTINGS = {"KINOLOG_WORKER_ACK_WAIT_SECONDS": "3", "KINOLOG_WORKER_CHECKPOINT_SECONDS": "0.05"}
STEPS = 100
SEEDS = (1, 2, 3, 4, 5)
POINTS = range(5, 100, 10)
"""Steps after which the worker is killed, two for each seed."""


def _submitted(client: KinologClient, seed: int) -> str:
    return client.generate(
        "a red circle moving right on a blue background",
        model="kinolog-tiny",
        steps=STEPS,
        seed=seed,
        frames=33,
    ).job_id


def _ended(client: KinologClient, job_id: str) -> JobEnded:
    last = list(client.watch(job_id))[-1]
    assert isinstance(last, JobEnded)
    assert last.state.status == "completed"
    return last


def _events(client: KinologClient, job_id: str) -> list[EventInfo]:
    return [event for commit in client.history(job_id).commits for event in commit.events]


def _has_line(client: KinologClient, job_id: str, text: str) -> bool:
    return any(line.message == text for line in client.logs(job_id).entries)


def _until_step(client: KinologClient, job_id: str, step: int) -> None:
    """Wait until a job has reached a step."""
    for update in client.watch(job_id):
        assert not isinstance(update, JobEnded)
        if isinstance(update, JobUpdated) and (update.state.step or 0) >= step:
            return


def _until_resumed(client: KinologClient, job_id: str) -> bool:
    """Wait until a line says that the second attempt went on from the last checkpoint. Return whether there was one."""
    events = _events(client, job_id)
    kinds = [event.type for event in events]
    assert (kinds.count("completed"), kinds.count("attempt_started")) == (1, 2)
    second = max(index for index, kind in enumerate(kinds) if kind == "attempt_started")
    stored = [event.data["step"] for event in events[:second] if event.type == "checkpoint_stored"]
    if stored:
        line = f"the video goes on from step {stored[-1]}"
        wait_until(partial(_has_line, client, job_id, line), f"job {job_id}: {line}")
    return bool(stored)


def test_killed_scenes_go_on_from_their_checkpoints(data_folder: Path) -> None:
    """At ten points, with five seeds: the frames are those of the uninterrupted job, which is completed once.

    The second attempt starts at the step of the last checkpoint in the log.
    """
    with whole_stack(data_folder, env=SETTINGS) as stack, KinologClient(stack.addresses["gateway"]) as client:
        whole = {seed: _submitted(client, seed) for seed in SEEDS}
        for job_id in whole.values():
            _ended(client, job_id)
        resumed = 0
        for step, seed in zip(POINTS, (*SEEDS, *SEEDS), strict=True):
            job_id = _submitted(client, seed)
            _until_step(client, job_id, step)
            stack.process("worker-1").kill()
            _ended(client, job_id)
            resumed += _until_resumed(client, job_id)  # a kill may be faster than the first checkpoint
            assert client.result(job_id).media == client.result(whole[seed]).media
        assert resumed > 1


def test_preempted_scenes_go_on_from_their_checkpoints(data_folder: Path) -> None:
    """Likewise for a critical job that comes meanwhile. A job that ends within seconds keeps its device."""
    with whole_stack(data_folder, env=SETTINGS) as stack, KinologClient(stack.addresses["gateway"]) as client:
        whole = {seed: _submitted(client, seed) for seed in SEEDS}
        for job_id in whole.values():
            _ended(client, job_id)
        preempted = 0
        for step, seed in zip(POINTS, (*SEEDS, *SEEDS), strict=True):
            job_id = _submitted(client, seed)
            _until_step(client, job_id, step)
            critical = client.generate(
                "a star", model="kinolog-tiny", steps=5, frames=9, priority="critical"
            ).job_id
            _ended(client, critical)
            _ended(client, job_id)
            kinds = [event.type for event in _events(client, job_id)]
            if "attempt_failed" in kinds:
                error = client.status(job_id).attempts[0].error
                assert error is not None
                assert error.code == "PREEMPTED"
                assert _until_resumed(client, job_id)
                preempted += 1
            assert client.result(job_id).media == client.result(whole[seed]).media
        assert preempted >= len(POINTS) // 2
