"""How another service names the fields of its requests, and submits in these names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.compatibility.frame_size import frame_size
from kinolog_gateway.compatibility.generation import generation
from kinolog_gateway.compatibility.media_fields import media_inputs
from kinolog_gateway.compatibility.model_choice import foreign_model, known_models
from kinolog_gateway.compatibility.submission import submitted
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.upstream import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """The names that fields have in the requests of another service."""

    aliases: Mapping[str, str]
    """Names of fields of GenerateRequest."""
    roles: Mapping[str, str]
    """Fields that are pictures and clips, with the role of the input."""
    ratio: str
    """The field with an aspect ratio such as 16:9."""
    resolution: str
    """The field with a resolution such as 480p."""

    async def submit(
        self,
        request: Request,
        api: Upstream,
        caller: HttpCaller,
        fields: Mapping[str, Any],
        *models: str,
        files_url: str = "",
    ) -> pb.SubmitJobResponse:
        """Submit what the fields of a request say. `models` are the names that its model may have.

        A field without a value is left out. `files_url` is what the addresses of uploads begin with, if they have any.
        Raises `HttpProblemError` in the names of the client, and `AioRpcError`.
        """
        model = foreign_model(await known_models(api, caller), *models)
        wanted = {name: value for name, value in fields.items() if value is not None} | {"model": model.name}
        frame_size(wanted, self.ratio, self.resolution, model)
        inputs, given_as = await media_inputs(wanted, self.roles, files_url, api, caller)
        return await submitted(request, api, caller, generation(wanted, self.aliases), inputs, given_as)
