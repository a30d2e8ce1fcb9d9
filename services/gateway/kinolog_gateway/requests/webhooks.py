"""Bodies and queries of the routes for webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from kinolog_gateway.enum_names import DeliveryStateName, WebhookEventName
from kinolog_gateway.requests.value_types import RequestModel, WebhookFormatName, check_line

TENANT_NAME = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"
WEBHOOK_PATTERN = "^wh_[a-z2-7]{16}$"
DELIVERY_PATTERN = "^dlv_[a-z2-7]{26}$"


def _whole_number(value: Any) -> Any:
    """Return a number without a fraction, such as 60.0, as an integer: JSON has one type for both."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
    actor: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._:@/+ -]{0,127})?$")] = Field(
        "", description="Whose jobs it is called for; empty for all of the tenant."
    )
    format: WebhookFormatName = Field(
        "kinolog", description="Form of its messages: kinolog, or as other services send them."
    )


class NewWebhookRequest(WebhookRequest):
    """A webhook to create."""

    tenant: Annotated[str, Field(pattern=TENANT_NAME)] = Field(
        "", description="The tenant; empty for the caller's own."
    )


class RotationRequest(RequestModel):
    """How a secret is replaced."""

    overlap_seconds: Annotated[int | None, BeforeValidator(_whole_number)] = Field(
        None,
        strict=True,
        ge=0,
        le=604_800,
        description="How long calls are signed with the old secret too, in seconds; null for a day.",
    )


class WebhookListQuery(RequestModel):
    """Filter of a list of webhooks."""

    tenant: Annotated[str, Field(pattern=TENANT_NAME)] = Field(
        "", description="The tenant; empty for the caller's own."
    )


class DeliveryListQuery(RequestModel):
    """Filter and page of a list of deliveries."""

    state: DeliveryStateName | None = Field(None, description="Only deliveries in this state.")
    limit: int = Field(100, ge=1, le=1000, description="Most deliveries in the page.")
    cursor: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="next_cursor of the previous page; the rest of the query must be the same."
    )
