"""The group `kinolog keys`: create, list and revoke API keys."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from kinolog.durations import written_moment
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time
from kinolog_client import ApiKeyInfo

app = typer.Typer(
    help="Create, list and revoke API keys. They need a key with the scope admin, or a gateway that needs no key.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_PAGE = 1_000

TenantOption = Annotated[
    str,
    typer.Option("--tenant", help="The tenant; without it that of your key. '*' stands for every tenant."),
]


@app.command("create")
@command
def create(
    actor: Annotated[str, typer.Argument(metavar="ACTOR", help="Whose commands those with the key are.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", help="submit, read, cancel, audit or admin; several times. All but admin if none."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="A name for people.")] = "",
    tenant: TenantOption = "",
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="LENGTH|TIME", help="When it ends: 12h, 90d, 2027-01-31."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a key, and print it, alone, on standard output. It cannot be shown again."""
    context = current_context(as_json)
    expires_at = _end(expires) if expires else None
    with context.client() as client:
        created = client.create_key(
            actor, scopes=scopes or (), name=name, tenant=tenant, expires_at=expires_at
        )
    if context.as_json:
        context.print_json(created.to_json())
        return
    ends = f", until {local_time(created.expires_at)}" if created.expires_at else ""
    context.print_note(
        f"key {created.key_id} of {created.actor} (tenant {created.tenant}): {', '.join(created.scopes)}{ends}. "
        "Keep it now: it cannot be shown again."
    )
    sys.stdout.write(created.secret + "\n")


@app.command("list")
@command
def list_(
    tenant: TenantOption = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are revoked or expired.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List keys, newest first."""
    context = current_context(as_json)
    keys: list[ApiKeyInfo] = []
    cursor: str | None = None
    with context.client() as client:
        while True:
            page = client.api_keys(tenant=tenant, include_ended=everything, limit=_PAGE, cursor=cursor)
            keys += page.keys
            cursor = page.next_cursor
            if not cursor:
                break
    if context.as_json:
        context.print_json({"keys": [key.to_json() for key in keys]})
        return
    headings = ("key", "tenant", "actor", "scopes", "created", "ends", "last used", "name")
    print_columns(context.out, headings, map(_row, keys))
    if not keys:
        context.print_note("there is no key; kinolog keys create ACTOR makes one")


@app.command("revoke")
@command
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY_ID", help="The id of the key, as lists show it.")],
    as_json: JsonOption = False,
) -> None:
    """Revoke a key for good. Calls with it are refused at once, and its open streams end."""
    context = current_context(as_json)
    found = re.fullmatch(r"kino_([a-z2-7]{12})_.*", key)
    with context.client() as client:
        revoked = client.revoke_key(found[1] if found else key)
    if context.as_json:
        context.print_json(revoked.to_json())
    else:
        text = f"key {revoked.key_id} of {revoked.actor} (tenant {revoked.tenant}) is revoked"
        context.out.print(text, markup=False)


def _end(text: str) -> datetime:
    """Return the end of a key from a length or a time. Raises `CommandFailed`."""
    end = written_moment(text, datetime.now(UTC))
    if end is None:
        raise CommandFailed(
            ExitCode.USAGE, f"--expires: {text!r} is no length and no time; write 12h, 90d or 2027-01-31"
        )
    return end


def _row(key: ApiKeyInfo) -> tuple[str, ...]:
    ends = f"revoked {local_time(key.revoked_at)}" if key.revoked_at else local_time(key.expires_at)
    return (
        key.key_id,
        key.tenant,
        key.actor,
        ",".join(key.scopes),
        local_time(key.created_at),
        ends,
        local_time(key.last_used_at),
        key.name or "",
    )
