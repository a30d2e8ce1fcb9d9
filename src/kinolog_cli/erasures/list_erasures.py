"""`kinolog audit erasures`: certificates of erasure, listed, shown, saved and checked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kinolog.counts import counted
from kinolog.merkle.erasure_certificate import ErasureCertificate, SignedCertificate
from kinolog.merkle.signed_note import InvalidNote, NoteKey
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.erasures.certificate_file import certificate_numbers, certificates_in, write_certificates
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.output.columns import print_columns
from kinolog_cli.output.formats import local_time, utc_time
from kinolog_cli.output.places import checked_place
from kinolog_client import ErasureCertificateInfo, ErasureInfo


@command
def erasures(
    number: Annotated[
        int | None,
        typer.Argument(metavar="[NUMBER]", min=1, help="Show this certificate; else all are listed."),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Only those of a job: its id, or its beginning.")] = None,
    erasure: Annotated[str | None, typer.Option(metavar="ID", help="Only those of an erasure.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the signed certificates to this file.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check a file of certificates, without any service.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="With --check: the key of the log that you trust: as its owner publishes it, or its SHA-256."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which jobs were erased, by whom and when: certificates that the key of the tree signed."""
    context = current_context(as_json)
    if key is not None and (check is None or not key.strip()):
        raise CommandFailed(
            ExitCode.USAGE, "--key names the key that --check trusts; give both, or leave --key out"
        )
    if check is not None:
        for signed in certificates_in(check):
            _print_stated(context, signed.number, _checked(signed, (key or "").strip()))
        return
    with context.client() as client:
        place = None if output is None else checked_place(output)
        named = "" if job is None else job_id(client, job)
        if place is not None:
            numbers = certificate_numbers(client, erasure_id=erasure or "", job_id=named)
            numbers = numbers if number is None else [number]
            if not numbers:
                raise CommandFailed(ExitCode.NOT_FOUND, "there is no such certificate; nothing is written")
            write_certificates(client, place, numbers)
            context.print_note(f"{output}: {counted(len(numbers), 'certificate')}")
        elif number is not None:
            _print_certificate(context, client.erasure(number))
        else:
            after: int | None = 0
            problems = list[str]()
            while after is not None:
                page = client.erasures(after=after, erasure_id=erasure or "", job_id=named)
                _print_list(context, page.certificates)
                problems += [one.problem for one in page.certificates if one.problem]
                after = page.next_after
            if problems:
                raise CommandFailed(ExitCode.FAILED, "\n".join(problems))


def _checked(signed: SignedCertificate, trusted: str) -> ErasureCertificate:
    """Return what a certificate states. Raises `CommandFailed` if it does not hold, or another key signed it."""
    try:
        stated = signed.certificate
    except InvalidNote as error:
        raise CommandFailed(ExitCode.FAILED, f"certificate {signed.number} does not hold: {error}") from error
    if trusted and trusted not in (signed.key.id, signed.key.verifier(stated.log)):
        raise CommandFailed(
            ExitCode.FAILED,
            f"certificate {signed.number} is signed by key {signed.key.id}, which you do not trust",
        )
    return stated


def _print_certificate(context: CliContext, info: ErasureCertificateInfo) -> None:
    signed = SignedCertificate(number=info.number, key=NoteKey(bytes.fromhex(info.key)), note=info.note)
    stated = _checked(signed, "")
    if context.as_json:
        context.print_json(info.to_json())
        return
    _print_stated(context, info.number, stated)
    for job in stated.jobs:
        context.out.print(
            f"{job.job_id}  erased at position {job.erased_position}, finished at {job.position}, "
            f"{counted(job.files, 'file')}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _print_stated(context: CliContext, number: int, stated: ErasureCertificate) -> None:
    if context.as_json:
        context.print_json({"number": number, "holds": True, "jobs": [job.job_id for job in stated.jobs]})
        return
    erased = _span(stated.first_erased_at, stated.last_erased_at)
    context.out.print(
        f"certificate {number} holds: {stated.actor} erased {counted(len(stated.jobs), 'job')} of tenant "
        f"{stated.tenant}, {erased}; signed {utc_time(stated.issued_at)} under head {stated.head_number} of "
        f"{stated.log}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _print_list(context: CliContext, found: tuple[ErasureInfo, ...]) -> None:
    if context.as_json:
        for one in found:
            context.print_json(one.to_json())
    elif found := tuple(one for one in found if not one.problem):
        rows = [
            (
                str(one.number),
                one.actor,
                str(one.jobs),
                str(one.files),
                local_time(one.first_erased_at, "%Y-%m-%d %H:%M:%S"),
                str(one.head_number),
                one.erasure_id,
            )
            for one in found
        ]
        print_columns(context.out, ("number", "actor", "jobs", "files", "erased", "head", "erasure"), rows)


def _span(first: datetime, last: datetime) -> str:
    return utc_time(first) if first == last else f"{utc_time(first)} to {utc_time(last)}"
