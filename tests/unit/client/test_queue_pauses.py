"""Pauses of the queue, by both clients against a real gateway."""

from __future__ import annotations

from kinolog.v1 import job_pb2
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.recording_api import RecordingApi


async def test_the_queue_is_paused_and_resumed(client: EitherClient, api: RecordingApi) -> None:
    (paused,) = (await client.call("pause_queue", priority="low", reason="new GPU")).pauses
    assert (paused.priority, paused.reason, paused.paused_by) == ("low", "new GPU", "ada")
    await client.call("pause_queue")
    assert [request.priority for request in api.requests("PauseQueue")] == [
        job_pb2.PRIORITY_LOW,
        job_pb2.PRIORITY_UNSPECIFIED,
    ]
    assert [each.priority for each in (await client.call("queue_pauses")).pauses] == ["low", None]
    assert not (await client.call("resume_queue", priority="low")).pauses
    assert not (await client.call("resume_queue")).pauses
    assert [request.priority for request in api.requests("ResumeQueue")] == [
        job_pb2.PRIORITY_LOW,
        job_pb2.PRIORITY_UNSPECIFIED,
    ]
