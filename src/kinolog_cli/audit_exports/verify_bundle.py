"""`kinolog audit verify`: check a bundle without any service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kinolog.bundle.contents import BundleInvalid
from kinolog.bundle.verification import BundleReport, TrustedHeads, verify_bundle
from kinolog.texts import one_line
from kinolog_cli.audit_exports.known_heads import heads_in
from kinolog_cli.audit_exports.signed_videos import check_signed_videos
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode


@command
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Archive of kinolog audit bundle.")],
    key: Annotated[
        str | None,
        typer.Option(
            "--key", help="The key of the log that you trust: as its owner publishes it, or its SHA-256."
        ),
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option(
            "--head", help="File with heads that you have: a copy of heads.log, the state of a witness."
        ),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PEM", help="Root certificate of a signer of videos that you trust; may be repeated."
        ),
    ] = None,
    texts: Annotated[
        bool, typer.Option("--texts", help="Print prompts and other texts, if the bundle has their keys.")
    ] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Check a bundle without any service: what it proves, and what it does not. Exit code 1 when it is invalid."""
    context = current_context(as_json)
    if key is not None and not key.strip():
        raise CommandFailed(ExitCode.USAGE, "--key is empty; name the key, or leave out --key to trust none")
    trusted = TrustedHeads(key=(key or "").strip(), heads=() if head is None else heads_in(head))
    try:
        with bundle.open("rb") as file:
            report = verify_bundle(file, trusted)
            check_signed_videos(file, report, trust or [])
    except BundleInvalid as error:
        if context.as_json:
            context.print_json({"bundle": str(bundle), "valid": False, "failure": str(error)})
        else:
            context.out.print(Text(f"{bundle} is INVALID: {error}", style="bold red"), soft_wrap=True)
        return ExitCode.FAILED
    except OSError as error:
        reason = error.strerror or str(error)
        raise CommandFailed(ExitCode.USAGE, f"cannot read {error.filename or bundle}: {reason}") from error
    _print(context, bundle, report, texts=texts)
    return ExitCode.OK


def _print(context: CliContext, bundle: Path, report: BundleReport, *, texts: bool) -> None:
    if context.as_json:
        facts = {"bundle": str(bundle), "valid": True, "proved": report.proved, "unproved": report.unproved}
        context.print_json(facts | ({"texts": report.texts} if texts else {}))
        return
    out = context.out
    out.print(Text(f"{bundle} is valid", style="bold green"), soft_wrap=True)
    for sentence in report.proved:
        out.print(Text(f"✔ {sentence}"), soft_wrap=True)
    out.print("It does not prove:")
    for sentence in report.unproved:
        out.print(Text(f"- {sentence}"), soft_wrap=True)
    for job, found in report.texts.items() if texts else ():
        for purpose, text in found.items():
            out.print(Text(f"{job} {purpose}: {one_line(text)}"), soft_wrap=True)
