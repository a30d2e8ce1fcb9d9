"""The group `kinolog webhooks`: what is called when jobs start and end, and what became of the calls."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import DeliveryInfo, WebhookInfo

app = typer.Typer(
    help="Addresses that are called when jobs start and end. They need a key with the scope admin, or a gateway that "
    "needs no key.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

AddressArgument = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="What is called: https://…, or mailto:… for e-mail.")
]
IdArgument = Annotated[str, typer.Argument(metavar="WEBHOOK_ID", help="Its id, as lists show it.")]
NameOption = Annotated[str, typer.Option("--name", help="A name for people.")]
EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        help="job.started, job.completed, job.failed, job.cancelled or job.erased; several times. Without any, the "
        "three ends of jobs.",
    ),
]
ActorOption = Annotated[str, typer.Option("--actor", help="Only for the jobs of this actor.")]
FormatOption = Annotated[
    str, typer.Option("--format", help="Form of its messages: kinolog, openai, replicate or fal.")
]
TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant; without it that of your key.")]


@app.command("create")
@command
def create(
    address: AddressArgument,
    name: NameOption = "",
    events: EventsOption = None,
    actor: ActorOption = "",
    message_format: FormatOption = "kinolog",
    tenant: TenantOption = "",
    as_json: JsonOption = False,
) -> None:
    """Create a webhook, and print the secret that signs its calls, alone, on standard output."""
    context = current_context(as_json)
    with context.client() as client:
        made = client.create_webhook(
            address,
            name=name,
            events=events or (),
            actor=actor,
            tenant=tenant,
            message_format=message_format,
        )
    if context.as_json:
        context.print_json(made.to_json())
        return
    context.print_note(f"webhook {made.webhook_id} of tenant {made.tenant}: {', '.join(made.events)}")
    sys.stdout.write(made.secret + "\n")


@app.command("list")
@command
def list_(tenant: TenantOption = "", as_json: JsonOption = False) -> None:
    """List webhooks, oldest first."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.webhooks(tenant=tenant)
    if context.as_json:
        context.print_json(found.to_json())
        return
    print_columns(
        context.out,
        ("webhook", "address", "events", "format", "actor", "created", "off since", "why", "name"),
        map(_row, found.webhooks),
    )
    if not found.webhooks:
        context.print_note("there is no webhook; kinolog webhooks create ADDRESS makes one")


@app.command("change")
@command
def change(
    webhook_id: IdArgument,
    address: AddressArgument,
    name: NameOption = "",
    events: EventsOption = None,
    actor: ActorOption = "",
    message_format: FormatOption = "kinolog",
    as_json: JsonOption = False,
) -> None:
    """Replace all values of a webhook. One that is switched off is switched on."""
    context = current_context(as_json)
    with context.client() as client:
        changed = client.change_webhook(
            webhook_id, address, name=name, events=events or (), actor=actor, message_format=message_format
        )
    if context.as_json:
        context.print_json(changed.to_json())
    else:
        context.out.print(f"webhook {changed.webhook_id} is changed", markup=False)


@app.command("delete")
@command
def delete(webhook_id: IdArgument, as_json: JsonOption = False) -> None:
    """Delete a webhook with its address and its secret, for good."""
    context = current_context(as_json)
    with context.client() as client:
        client.delete_webhook(webhook_id)
    if context.as_json:
        context.print_json({"webhook_id": webhook_id, "deleted": True})
    else:
        context.out.print(f"webhook {webhook_id} is deleted", markup=False)


@app.command("secret")
@command
def secret(
    webhook_id: Annotated[
        str | None,
        typer.Argument(metavar="[WEBHOOK_ID]", help="Without it, that of addresses which single jobs name."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the secret that signs calls."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.webhook_secret(webhook_id) if webhook_id else client.job_webhook_secret()
    if context.as_json:
        context.print_json(found.to_json())
    else:
        sys.stdout.write(found.secret + "\n")


@app.command("rotate")
@command
def rotate(
    webhook_id: IdArgument,
    overlap: Annotated[
        int | None,
        typer.Option(
            "--overlap", metavar="SECONDS", help="How long the old secret signs too; a day if not given."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the secret of a webhook, and print the new one."""
    context = current_context(as_json)
    with context.client() as client:
        rotated = client.rotate_webhook_secret(webhook_id, overlap_seconds=overlap)
    if context.as_json:
        context.print_json(rotated.to_json())
        return
    if rotated.old_secret_until:
        context.print_note(f"the old secret signs too until {local_time(rotated.old_secret_until)}")
    sys.stdout.write(rotated.secret + "\n")


@app.command("deliveries")
@command
def deliveries(
    webhook_id: IdArgument,
    state: Annotated[
        str | None, typer.Option("--state", help="Only pending, delivered or failed ones.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the deliveries of a webhook, newest first."""
    context = current_context(as_json)
    with context.client() as client:
        found = client.deliveries(webhook_id, state=state, limit=limit)
    if context.as_json:
        context.print_json(found.to_json())
        return
    headings = ("delivery", "event", "job", "state", "tries", "last answer", "next try", "created")
    print_columns(context.out, headings, map(_delivery_row, found.deliveries))


@app.command("redeliver")
@command
def redeliver(
    webhook_id: IdArgument,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY_ID", help="Its id, as lists show it.")],
    as_json: JsonOption = False,
) -> None:
    """Send the message of a delivery again."""
    context = current_context(as_json)
    with context.client() as client:
        made = client.redeliver(webhook_id, delivery_id)
    if context.as_json:
        context.print_json(made.to_json())
    else:
        context.out.print(f"delivery {made.delivery_id} follows", markup=False)


def _row(webhook: WebhookInfo) -> tuple[str, ...]:
    return (
        webhook.webhook_id,
        webhook.address or "(addresses that jobs name)",
        ",".join(webhook.events),
        webhook.format,
        webhook.actor,
        local_time(webhook.created_at),
        local_time(webhook.disabled_at),
        webhook.disabled_reason,
        webhook.name or "",
    )


def _delivery_row(delivery: DeliveryInfo) -> tuple[str, ...]:
    last = delivery.attempts[-1] if delivery.attempts else None
    answer = (last.error or str(last.status_code)) if last else ""
    return (
        delivery.delivery_id,
        delivery.event,
        delivery.job_id,
        delivery.state,
        str(len(delivery.attempts)),
        answer,
        local_time(delivery.next_at),
        local_time(delivery.created_at),
    )
