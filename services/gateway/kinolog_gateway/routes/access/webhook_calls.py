"""What kinolog sends to webhooks, for the section `webhooks` of the OpenAPI document. The gateway serves none of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header

from kinolog_gateway.responses.webhooks import WebhookMessage

ANSWERS: dict[int | str, dict[str, Any]] = {
    "2XX": {"description": "The receiver has the message."},
    "4XX": {"description": "It is sent again later; after 410 the webhook is switched off."},
    "5XX": {"description": "It is sent again later."},
}

router = APIRouter(tags=["webhooks"], generate_unique_id_function=lambda route: route.name)

MessageId = Annotated[str, Header(alias="webhook-id", description="The same in every call about the event.")]
CallTime = Annotated[
    int, Header(alias="webhook-timestamp", description="When the call is made: seconds since 1970.")
]
Signatures = Annotated[
    str,
    Header(
        alias="webhook-signature",
        description="As Standard Webhooks defines it: v1, and base64 of HMAC-SHA256; two while a secret is replaced.",
    ),
]


async def _call(
    body: WebhookMessage, message_id: MessageId, timestamp: CallTime, signatures: Signatures
) -> None:
    """Take a message. A webhook with the format of another service gets a message like that of the service."""


for event, summary in (
    ("job.started", "A worker started an attempt of a job"),
    ("job.completed", "The video of a job is there"),
    ("job.failed", "A job failed for good"),
    ("job.cancelled", "A job was cancelled"),
    ("job.erased", "The prompts and files of a job were erased"),
):
    router.add_api_route(
        event,
        _call,
        methods=["POST"],
        name=f"on_{event.replace('.', '_')}",
        summary=summary,
        status_code=204,
        responses=ANSWERS,
        openapi_extra={"security": []},
    )
