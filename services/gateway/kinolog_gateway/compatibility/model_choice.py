"""Which model a request means, and what that model starts from."""

from __future__ import annotations

from collections.abc import Sequence

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_gateway.http.credentials import HttpCaller
from kinolog_gateway.http.problems import HttpProblemError
from kinolog_gateway.upstream import Upstream

DEFAULT = "default"
"""The name of the default model in interfaces whose clients must name one."""


async def known_models(api: Upstream, caller: HttpCaller) -> Sequence[job_pb2.Model]:
    """Return the models of the catalogue. Raises `AioRpcError`."""
    return (await api.call(api.jobs.ListModels, pb.ListModelsRequest(), caller)).models


def named_model(models: Sequence[job_pb2.Model], name: str) -> job_pb2.Model | None:
    """Return the model with this name, or the default one without a name."""
    return next((model for model in models if (model.name == name if name else model.is_default)), None)


def foreign_model(models: Sequence[job_pb2.Model], *names: str) -> job_pb2.Model:
    """Return the first model with one of the names that a client may mean; `default` is the default one.

    Empty names are no names. Raises `HttpProblemError` if there is none.
    """
    for name in filter(None, names):
        if found := named_model(models, "" if name == DEFAULT else name):
            return found
    known = ", ".join([DEFAULT, *(model.name for model in models)])
    raise HttpProblemError(404, "UNKNOWN_MODEL", f"there is no such model here; those are {known}")


def takes(model: job_pb2.Model | None, role: job_pb2.InputRole.ValueType) -> bool:
    """Return whether jobs of a model can start from an input in this role."""
    return model is not None and any(one.role == role for one in model.inputs)


def video_model(models: Sequence[job_pb2.Model], name: str, source: str) -> str:
    """Return the name of a model that starts from a video: the named one, that of the source, or the first that does.

    Raises `HttpProblemError` if there is none.
    """
    if name:
        return name  # the api says if it does not
    able = [model.name for model in models if takes(model, job_pb2.INPUT_ROLE_VIDEO)]
    if not able:
        raise HttpProblemError(
            400,
            "NO_VIDEO_MODEL",
            "no model of this installation starts from a video; add one to the catalogue, see docs/models.md",
        )
    default = named_model(models, "")
    preferred = [each for each in (source, default.name if default else "") if each in able]
    return (preferred or able)[0]
