"""Pictures and clips in fields of JSON, as other services name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinolog.ids import is_job_id
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.request_body import uploaded_data_url
from kinolog_gateway.enum_names import INPUT_ROLE_NUMBERS
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import invalid
from kinolog_gateway.upstream import Upstream


async def media_inputs(
    fields: dict[str, Any], roles: Mapping[str, str], files_url: str, api: Upstream, caller: HttpCaller
) -> tuple[list[pb.InputReference], str]:
    """Return the inputs that fields hold, and the name of the first of them. Take them out of the fields.

    `roles` are the roles of fields. A value is a data URL, an id of an upload, or `files_url` with one at its end; or a
    list of these. Raises `HttpProblemError`, `AioRpcError`.
    """
    inputs: list[pb.InputReference] = []
    names: list[str] = []
    for name in [name for name in fields if name in roles]:
        value = fields.pop(name)
        for each in value if isinstance(value, list) else [value]:
            upload_id = await _upload(each, name, files_url, api, caller)
            inputs.append(pb.InputReference(role=INPUT_ROLE_NUMBERS[roles[name]], upload_id=upload_id))
            names.append(name)
    return inputs, names[0] if names else ""


async def _upload(value: Any, name: str, files_url: str, api: Upstream, caller: HttpCaller) -> str:
    if not isinstance(value, str):
        raise invalid(name, "must be a data: URL or the id of an upload")
    upload_id = value.removeprefix(files_url)
    if is_job_id(upload_id):
        return upload_id
    return (await uploaded_data_url(value, name, api, caller)).id
