"""Comparisons of everything through both clients, against a real gateway."""

from __future__ import annotations

from kinolog.v1 import access_pb2 as ac
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway.recording_api import RecordingApi

ID = "v" * 26


async def test_they_are_started_read_and_cancelled(client: EitherClient, api: RecordingApi) -> None:
    started = await client.call("start_verification", files="hashes")
    assert (started.state, started.files, started.progress.all_commits) == ("running", "hashes", 20)
    assert api.requests("StartVerification")[0].files == ac.FILE_CHECK_HASHES
    page = await client.call("verifications", limit=7)
    assert ([made.state for made in page.verifications], page.next_after) == (["differs"], ID)
    assert not (await client.call("verifications", after=ID)).verifications
    assert [request.after for request in api.requests("ListVerifications")] == ["", ID]
    made = await client.call("verification", ID)
    reads, lists = made.parts
    assert (reads.position, reads.job_id, reads.holds) == (None, None, True)
    assert (lists.position, lists.job_id, lists.detail) == (3, "a" * 26, "lists show another seed")
    assert (made.position, made.seconds, made.started_by, made.progress) == (20, 1.5, "ada", None)
    cancelled = await client.call("cancel_verification", ID)
    assert (cancelled.state, cancelled.cancelled_by) == ("cancelled", "bob")
