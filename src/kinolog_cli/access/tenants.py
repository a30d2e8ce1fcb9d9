"""The group `kinolog tenants`: read and check the file that states what tenants may use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog.ids import files_of
from kinolog.job.values import Priority
from kinolog.process.api_keys import TENANT, TENANT_FORM
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.tenants.policy_file import InvalidTenantsFile, read_policies
from kinolog.tenants.policy_remarks import remarks_on
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns, print_details

app = typer.Typer(
    help="Read and check the file of tenants, which states what each tenant may use. It needs no service.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

FileOption = Annotated[
    Path | None,
    typer.Option("--file", envvar="KINOLOG_TENANTS_FILE", help="The file; without it KINOLOG_TENANTS_FILE."),
]


@app.command("list")
@command
def list_(file: FileOption = None, as_json: JsonOption = False) -> None:
    """List the tenants that the file names, with what differs from the built-in limits."""
    context = current_context(as_json)
    policies = _policies(file)
    rows = {"[default]": policies.default, **policies.named}
    if context.as_json:
        for name, policy in rows.items():
            context.print_json({"tenant": None if name == "[default]" else name, "limits": _limits(policy)})
        return
    print_columns(
        context.out, ("tenant", "limits"), [(name, _changes(policy)) for name, policy in rows.items()]
    )


@app.command("check")
@command
def check(file: FileOption = None, as_json: JsonOption = False) -> ExitCode:
    """Check the file: exit 1 with what is wrong, or print what is valid and hardly meant."""
    context = current_context(as_json)
    if file is None:
        raise CommandFailed(ExitCode.USAGE, "name the file with --file, or set KINOLOG_TENANTS_FILE")
    try:
        policies = read_policies(file)
    except InvalidTenantsFile as error:
        if context.as_json:
            context.print_json({"valid": False, "problem": str(error), "remarks": []})
            return ExitCode.FAILED
        raise CommandFailed(ExitCode.FAILED, str(error)) from error
    remarks = remarks_on(policies)
    if context.as_json:
        context.print_json({"valid": True, "problem": None, "remarks": remarks})
        return ExitCode.OK
    for remark in remarks:
        context.out.print(remark, soft_wrap=True, markup=False, highlight=False)
    context.print_note(f"{file} is valid; tenants with a table of their own: {len(policies.named)}")
    return ExitCode.OK


@app.command("show")
@command
def show(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, in the file or not.")],
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits that are in force for a tenant, and the folder of its files in the artifact store."""
    context = current_context(as_json)
    if not TENANT.fullmatch(tenant):
        raise CommandFailed(ExitCode.USAGE, f"the name of a tenant {TENANT_FORM}")
    policies = _policies(file)
    limits = _limits(policies.of(tenant))
    folder = f"jobs/{files_of(tenant)}"
    if context.as_json:
        context.print_json({"tenant": tenant, "folder": folder, "limits": limits})
        return
    shown = {name: "none" if value is None else _text(value) for name, value in limits.items()}
    table = f"[tenant.{tenant}]" if tenant in policies.named else "[default]"
    print_details(context.out, [("limits of", table), *shown.items(), ("folder of files", folder)])


def _policies(file: Path | None) -> TenantPolicies:
    """Return what the file states; without a file the built-in limits. Raises `CommandFailed`."""
    if file is None:
        return TenantPolicies()
    try:
        return read_policies(file)
    except InvalidTenantsFile as error:
        raise CommandFailed(ExitCode.FAILED, str(error)) from error


def _limits(policy: TenantPolicy) -> dict[str, object]:
    limits = policy.model_dump()
    limits["priorities"] = [each.value for each in Priority if each in policy.priorities]
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in limits.items()}


def _changes(policy: TenantPolicy) -> str:
    """Return what a policy states that the built-in one does not."""
    built_in = _limits(TenantPolicy())
    changed = {name: value for name, value in _limits(policy).items() if value != built_in[name]}
    return ", ".join(f"{name} {_text(value)}" for name, value in changed.items()) or "-"


def _text(value: object) -> str:
    if isinstance(value, list):
        return "+".join(value) or "none"
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
    )
