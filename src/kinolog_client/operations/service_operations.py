"""Operations about the service: its models, workers, alarms, health and documents. Pure."""

from __future__ import annotations

from typing import Any

from kinolog_client.http.operation import (
    API_PREFIX,
    HttpAnswer,
    Operation,
    model_of,
    read_document,
)
from kinolog_client.models.catalogue import (
    AlarmListInfo,
    HealthInfo,
    ModelListInfo,
    WorkerListInfo,
)


def models() -> Operation[ModelListInfo]:
    """Return the models that jobs can name, with limits and defaults."""
    return Operation(method="GET", route=f"{API_PREFIX}/models", read=model_of(ModelListInfo))


def workers() -> Operation[WorkerListInfo]:
    """Return the workers that reported recently."""
    return Operation(method="GET", route=f"{API_PREFIX}/workers", read=model_of(WorkerListInfo))


def alarms() -> Operation[AlarmListInfo]:
    """Return the troubles of the service that stand, such as a full disk."""
    return Operation(method="GET", route=f"{API_PREFIX}/alarms", read=model_of(AlarmListInfo))


def health() -> Operation[HealthInfo]:
    """Return whether the gateway's process runs."""
    return Operation(method="GET", route="/health", read=model_of(HealthInfo))


def ready() -> Operation[bool]:
    """Return whether the gateway and its api serve."""
    return Operation(
        method="GET",
        route="/ready",
        read=_read_ready,
        accepted=frozenset({503}),
    )


def openapi() -> Operation[dict[str, Any]]:
    """Return the OpenAPI document of the gateway's routes."""
    return Operation(method="GET", route="/openapi.json", read=read_document)


def asyncapi() -> Operation[dict[str, Any]]:
    """Return the AsyncAPI document of the gateway's WebSocket."""
    return Operation(method="GET", route="/asyncapi.json", read=read_document)


def _read_ready(answer: HttpAnswer) -> bool:
    return answer.status == 200 and HealthInfo.model_validate_json(answer.content).status == "ready"
