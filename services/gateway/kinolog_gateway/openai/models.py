"""Routes of the models, in the shape of OpenAI's interface."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from kinolog_gateway.compatibility.model_choice import known_models, named_model
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.openai.error_shape import OPENAI_ERRORS
from kinolog_gateway.openai.model_alias import own_name
from kinolog_gateway.responses.job_parts import ResponseModel
from kinolog_gateway.routes.dependencies import Api, Caller, json_response

router = APIRouter(prefix="/v1/models", tags=["openai"], responses=OPENAI_ERRORS)


class OpenAiModel(ResponseModel):
    """A model of the catalogue."""

    id: str = Field(description="Its name.")
    object: Literal["model"] = "model"
    created: int = Field(0, description="Always 0: a catalogue does not say when its models were made.")
    owned_by: str = "kinolog"


class OpenAiModelList(ResponseModel):
    """The models of the catalogue."""

    object: Literal["list"] = "list"
    data: list[OpenAiModel]


@router.get("", response_model=OpenAiModelList, summary="List models for the SDKs of OpenAI")
async def openai_models(api: Api, caller: Caller) -> Response:
    """List the names of the models, the default one first."""
    models = sorted(await known_models(api, caller), key=lambda model: not model.is_default)
    return json_response(OpenAiModelList(data=[OpenAiModel(id=model.name) for model in models]))


@router.get("/{model:path}", response_model=OpenAiModel, summary="A model for the SDKs of OpenAI")
async def openai_model(
    model: Annotated[
        str, Path(description="Name of a model. Names that begin with sora- are the default model.")
    ],
    api: Api,
    caller: Caller,
) -> Response:
    """Read whether there is a model."""
    models = await known_models(api, caller)
    found = named_model(models, own_name(model))
    if found is None:
        names = ", ".join(each.name for each in models)
        raise HttpProblemError(404, "MODEL_NOT_FOUND", f"there is no such model here; those are {names}")
    return json_response(OpenAiModel(id=found.name))
