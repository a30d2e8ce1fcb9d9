"""The route that makes a bundle: an archive with commits that proves itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from kinolog.v1 import export_service_pb2 as pb
from kinolog_gateway.requests.audit_exports import BundleQuery
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller
from kinolog_gateway.routes.file_stream import messages_of

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=PROBLEMS)

MEDIA_TYPE = "application/zip"
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The archive.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/bundle", response_class=Response, responses=_RESPONSES, summary="Make a bundle for auditors")
async def export_bundle(
    query: Annotated[BundleQuery, Query()], api: Api, caller: Caller
) -> StreamingResponse:
    """Make an archive with the selected commits, and what proves that they are in the log: it needs no service.

    The archive is made before its first byte is sent. It is not stored: each request makes it again. Commits that no
    signed head has yet are refused with 409.
    """
    request = pb.ExportBundleRequest(
        selection=query.selection(),
        with_files=query.files,
        with_keys=query.prompts,
        earlier_sizes=query.earlier_size or [],
    )
    messages = messages_of(api.audit_exports.ExportBundle(request, metadata=caller.metadata))
    size = 0
    async for message in messages:
        size = message.size_bytes
        if size:
            break
    headers = {
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": 'attachment; filename="bundle.zip"',
        "Content-Length": str(size),
    }
    return StreamingResponse((each.data async for each in messages), media_type=MEDIA_TYPE, headers=headers)
