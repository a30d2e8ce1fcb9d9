"""Routes for webhooks, and for what became of their calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from kinolog.v1 import webhook_service_pb2 as pb
from kinolog_gateway.enum_names import DELIVERY_STATE_NUMBERS
from kinolog_gateway.http import text_patterns
from kinolog_gateway.requests.webhooks import (
    DeliveryListQuery,
    NewWebhookRequest,
    RotationRequest,
    WebhookListQuery,
    WebhookRequest,
)
from kinolog_gateway.responses.webhooks import (
    DeletedWebhookView,
    DeliveryListView,
    RedeliveryView,
    WebhookListView,
    WebhookSecretView,
    WebhookView,
    WebhookWithSecretView,
    delivery_view,
    webhook_fields,
)
from kinolog_gateway.routes.dependencies import PROBLEMS, Api, Caller, json_response

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], responses=PROBLEMS)

WebhookId = Annotated[str, Path(pattern=text_patterns.WEBHOOK_ID, description="The id of the webhook.")]
DeliveryId = Annotated[str, Path(pattern=text_patterns.DELIVERY_ID, description="The id of a delivery.")]


@router.post("", status_code=201, response_model=WebhookWithSecretView, summary="Create a webhook")
async def create_webhook(body: NewWebhookRequest, api: Api, caller: Caller) -> Response:
    """Create a webhook. The response has the secret that signs its calls. Needs the scope `admin`."""
    request = pb.CreateWebhookRequest(
        tenant=body.tenant,
        address=body.address,
        name=body.name,
        events=body.events,
        actor=body.actor,
        format=body.format,
    )
    answer = await api.call(api.webhooks.CreateWebhook, request, caller)
    view = WebhookWithSecretView(secret=answer.secret, **webhook_fields(answer.webhook))
    return json_response(view, status=201)


@router.get("", response_model=WebhookListView, summary="Webhooks")
async def list_webhooks(query: Annotated[WebhookListQuery, Query()], api: Api, caller: Caller) -> Response:
    """List the webhooks of a tenant, oldest first. Needs the scope `admin`."""
    answer = await api.call(api.webhooks.ListWebhooks, pb.ListWebhooksRequest(tenant=query.tenant), caller)
    views = [WebhookView(**webhook_fields(webhook)) for webhook in answer.webhooks]
    return json_response(WebhookListView(webhooks=views))


@router.get("/secret", response_model=WebhookSecretView, summary="The secret of single jobs")
async def job_webhook_secret(api: Api, caller: Caller) -> Response:
    """Return the secret that signs calls of the addresses that jobs of the caller's tenant name. Needs `admin`."""
    answer = await api.call(api.webhooks.GetWebhookSecret, pb.GetWebhookSecretRequest(), caller)
    return json_response(WebhookSecretView(webhook_id=answer.webhook_id, secret=answer.secret))


@router.put("/{webhook_id}", response_model=WebhookView, summary="Change a webhook")
async def change_webhook(webhook_id: WebhookId, body: WebhookRequest, api: Api, caller: Caller) -> Response:
    """Replace all values of a webhook. One that is switched off is switched on. Needs the scope `admin`."""
    request = pb.ChangeWebhookRequest(
        webhook_id=webhook_id,
        address=body.address,
        name=body.name,
        events=body.events,
        actor=body.actor,
        format=body.format,
    )
    answer = await api.call(api.webhooks.ChangeWebhook, request, caller)
    return json_response(WebhookView(**webhook_fields(answer.webhook)))


@router.delete("/{webhook_id}", response_model=DeletedWebhookView, summary="Delete a webhook")
async def delete_webhook(webhook_id: WebhookId, api: Api, caller: Caller) -> Response:
    """Delete a webhook with its address and its secret, for good. Needs the scope `admin`."""
    await api.call(api.webhooks.DeleteWebhook, pb.DeleteWebhookRequest(webhook_id=webhook_id), caller)
    return json_response(DeletedWebhookView(webhook_id=webhook_id))


@router.get("/{webhook_id}/secret", response_model=WebhookSecretView, summary="The secret of a webhook")
async def webhook_secret(webhook_id: WebhookId, api: Api, caller: Caller) -> Response:
    """Return the secret that signs the calls of a webhook. Needs the scope `admin`."""
    request = pb.GetWebhookSecretRequest(webhook_id=webhook_id)
    answer = await api.call(api.webhooks.GetWebhookSecret, request, caller)
    return json_response(WebhookSecretView(webhook_id=answer.webhook_id, secret=answer.secret))


@router.post(
    "/{webhook_id}/rotate", response_model=WebhookWithSecretView, summary="Replace the secret of a webhook"
)
async def rotate_webhook_secret(
    webhook_id: WebhookId, body: RotationRequest, api: Api, caller: Caller
) -> Response:
    """Make a new secret. Calls are signed with both for a while. Needs the scope `admin`."""
    request = pb.RotateWebhookSecretRequest(webhook_id=webhook_id, overlap_seconds=body.overlap_seconds)
    answer = await api.call(api.webhooks.RotateWebhookSecret, request, caller)
    return json_response(WebhookWithSecretView(secret=answer.secret, **webhook_fields(answer.webhook)))


@router.get("/{webhook_id}/deliveries", response_model=DeliveryListView, summary="Deliveries of a webhook")
async def list_deliveries(
    webhook_id: WebhookId, query: Annotated[DeliveryListQuery, Query()], api: Api, caller: Caller
) -> Response:
    """List the deliveries of the last 30 days with their tries, newest first. Needs the scope `admin`."""
    request = pb.ListDeliveriesRequest(
        webhook_id=webhook_id,
        page_size=query.limit,
        page_token=query.cursor or "",
        state=DELIVERY_STATE_NUMBERS[query.state] if query.state else pb.DELIVERY_STATE_UNSPECIFIED,
    )
    answer = await api.call(api.webhooks.ListDeliveries, request, caller)
    views = list(map(delivery_view, answer.deliveries))
    return json_response(DeliveryListView(deliveries=views, next_cursor=answer.next_page_token or None))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=RedeliveryView,
    summary="Deliver a message again",
)
async def redeliver(webhook_id: WebhookId, delivery_id: DeliveryId, api: Api, caller: Caller) -> Response:
    """Send the message of a delivery again, with the same `webhook-id`. Needs the scope `admin`."""
    request = pb.RedeliverRequest(webhook_id=webhook_id, delivery_id=delivery_id)
    answer = await api.call(api.webhooks.Redeliver, request, caller)
    return json_response(RedeliveryView(delivery_id=answer.delivery_id), status=202)
