"""What the recording api streams of exports of the log, and how it refuses."""

from __future__ import annotations

from typing import Any

from kinolog.v1 import export_service_pb2 as exports
from tests.unit.gateway import canned
from tests.unit.gateway.recording_api import RecordingApi, Refusal


async def refuse(context: Any, refusal: Refusal) -> None:
    """End a call with a refusal."""
    trailing = (("grpc-status-details-bin", refusal.status.SerializeToString()),)
    await context.abort(refusal.code, refusal.status.message, trailing)


class ExportStreams:
    """The methods of AuditExportService."""

    def __init__(self, api: RecordingApi) -> None:
        self.api = api

    async def ExportEvents(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        """Yield the commits of the log, one a message."""
        api = self.api
        try:
            api.admit("ExportEvents", request, context)
            yield exports.ExportEventsResponse(
                source="kinolog-log/0123456789abcdef", last_position=api.position
            )
            for update in api.log:
                commit = canned.recorded_commit(update)
                exported = exports.ExportedCommit(job_id=update.job.id, tenant="default", commit=commit)
                yield exports.ExportEventsResponse(commits=[exported], reached=update.position)
        except Refusal as refusal:
            await refuse(context, refusal)

    async def ExportBundle(self, request: Any, context: Any) -> Any:  # noqa: N802 - the contract's name
        """Yield the bytes of an archive, which is none."""
        try:
            self.api.admit("ExportBundle", request, context)
            yield exports.ExportBundleResponse()
            yield exports.ExportBundleResponse(size_bytes=6)
            for data in (b"PK\x05", b"end"):
                yield exports.ExportBundleResponse(data=data)
        except Refusal as refusal:
            await refuse(context, refusal)
