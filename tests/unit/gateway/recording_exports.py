"""What the recording api streams of exports of the log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kinolog.v1 import export_service_pb2 as exports
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi


async def export_events(
    api: RecordingApi, request: exports.ExportEventsRequest
) -> AsyncIterator[exports.ExportEventsResponse]:
    """Yield the commits of the log, one a message."""
    yield exports.ExportEventsResponse(source="kinolog-log/0123456789abcdef", last_position=api.position)
    for update in api.log:
        exported = exports.ExportedCommit(
            job_id=update.job.id, tenant="default", commit=canned.recorded_commit(update)
        )
        yield exports.ExportEventsResponse(commits=[exported], reached=update.position)
