"""Bodies and queries of the routes for webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from kinolog_gateway.enum_names import DeliveryStateName, WebhookEventName
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.value_types import RequestModel, WebhookFormatName, check_line


class WebhookRequest(RequestModel):
    """The values of a webhook."""

    address: Annotated[str, AfterValidator(check_line), Field(min_length=1, max_length=2000)] = Field(
        description="The address to call: https://… of a public host, or mailto:… for e-mail.",
        examples=["https://example.org/kinolog"],
    )
    name: Annotated[str, AfterValidator(check_line), Field(max_length=64)] = Field(
        "", description="A name for people."
    )
    events: Annotated[
        list[WebhookEventName], Field(max_length=5, json_schema_extra={"uniqueItems": True})
    ] = Field(
        default_factory=list,
        description="What it is called for. Without any, job.completed, job.failed and job.cancelled.",
    )
    actor: Annotated[str, Field(pattern=text_patterns.ACTOR_OR_NONE)] = Field(
        "", description="Whose jobs it is called for; empty for all of the tenant."
    )
    format: WebhookFormatName = Field(
        "kinolog", description="Form of its messages: kinolog, or as other services send them."
    )


class NewWebhookRequest(WebhookRequest):
    """A webhook to create."""

    tenant: Annotated[str, Field(pattern=text_patterns.ONE_TENANT)] = Field(
        "", description="The tenant; empty for the caller's own."
    )


class RotationRequest(RequestModel):
    """How a secret is replaced."""

    overlap_seconds: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=604_800,
        description="How long calls are signed with the old secret too, in seconds; null for a day.",
    )


class WebhookListQuery(RequestModel):
    """Filter of a list of webhooks."""

    tenant: Annotated[str, Field(pattern=text_patterns.ONE_TENANT)] = Field(
        "", description="The tenant; empty for the caller's own."
    )


class DeliveryListQuery(RequestModel):
    """Filter and page of a list of deliveries."""

    state: DeliveryStateName | None = Field(None, description="Only deliveries in this state.")
    limit: int = Field(100, ge=1, le=1000, description="Most deliveries in the page.")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the previous page; the rest of the query must be the same."
    )
