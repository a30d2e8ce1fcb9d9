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
from kinolog_client.models.jobs import QueuePauseListInfo


def models() -> Operation[ModelListInfo]:
    """Return the models that jobs can name, with limits and defaults."""
    return Operation(method="GET", route=f"{API_PREFIX}/models", read=model_of(ModelListInfo))


def workers() -> Operation[WorkerListInfo]:
    """Return the workers that reported recently."""
    return Operation(method="GET", route=f"{API_PREFIX}/workers", read=model_of(WorkerListInfo))


def alarms() -> Operation[AlarmListInfo]:
    """Return the troubles of the service that stand, such as a full disk."""
    return Operation(method="GET", route=f"{API_PREFIX}/alarms", read=model_of(AlarmListInfo))


def pause_queue(*, priority: str | None = None, reason: str | None = None) -> Operation[QueuePauseListInfo]:
    """Pause the queue for all tenants, or one priority of it: jobs are taken and wait, and running ones go on.

    For operators. Returns the pauses that stand. Raises `Denied` for other callers.
    """
    body = {"priority": priority, "reason": reason}
    return _changed_queue("pause", {name: value for name, value in body.items() if value is not None})


def resume_queue(*, priority: str | None = None) -> Operation[QueuePauseListInfo]:
    """End the pause of one priority, or all pauses. For operators. Returns the pauses that still stand."""
    return _changed_queue("resume", {} if priority is None else {"priority": priority})


def queue_pauses() -> Operation[QueuePauseListInfo]:
    """Return the pauses of the queue that stand: that of the whole queue first."""
    return Operation(method="GET", route=f"{API_PREFIX}/queue", read=model_of(QueuePauseListInfo))


def _changed_queue(action: str, body: dict[str, str]) -> Operation[QueuePauseListInfo]:
    return Operation(
        method="POST",
        route=f"{API_PREFIX}/queue/{action}",
        body=body,
        read=model_of(QueuePauseListInfo),
    )


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
