"""Files of certificates of erasure: a JSON object a line, with number, key and note."""

from __future__ import annotations

import json
import time
from pathlib import Path

from kinolog.durable_files import write_durably
from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.merkle.signed_note import KEY_BYTES, NoteKey
from kinolog_cli.context import CliContext
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.places import STANDARD_OUTPUT, writing
from kinolog_client import ErasureCertificateInfo, KinologClient

WAIT_SECONDS = 300.0
"""How long certificates are waited for. A head is signed within a minute, and texts leave files of Postgres before."""
POLL_SECONDS = 2.0


def certificate_line(info: ErasureCertificateInfo) -> str:
    """Return a certificate as a line of a file."""
    facts = {"number": info.number, "erasure_id": info.erasure_id, "key": info.key, "note": info.note}
    return json.dumps(facts) + "\n"


def certificates_in(path: Path) -> list[SignedCertificate]:
    """Return the certificates of a file, unchecked. Raises `CommandFailed`."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {why}") from error
    for number, line in enumerate(lines, start=1):
        try:
            facts = json.loads(line)
            key = bytes.fromhex(facts["key"])
            if len(key) != KEY_BYTES:
                raise ValueError("the key has another length")
            found.append(
                SignedCertificate(number=int(facts["number"]), key=NoteKey(key), note=str(facts["note"]))
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            text = f"{path}, line {number}: this is no certificate of erasure"
            raise CommandFailed(ExitCode.USAGE, text) from error
    if not found:
        raise CommandFailed(ExitCode.USAGE, f"{path} is empty")
    return found


def save_certificates(
    context: CliContext,
    client: KinologClient,
    place: Path,
    *,
    job_id: str,
    jobs: int = 1,
    erasure_id: str = "",
) -> None:
    """Wait until a job is certified, and so many jobs of its erasure if there is one. Write all certificates to a file.

    Jobs are certified in the order in which their erasures ended. An erasure that goes on may have certificates of
    before, so the number alone does not say that the last job has one. Raises `CommandFailed` if they are not signed in
    time.
    """
    context.print_note("waiting for the certificate, which follows the next signed head of the tree")
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        numbers, certified = _numbers(client, erasure_id, "" if erasure_id else job_id)
        if certified >= jobs and (not erasure_id or client.erasures(job_id=job_id).certificates):
            break
        if time.monotonic() > deadline:
            raise CommandFailed(
                ExitCode.FAILED,
                f"not all erased jobs are certified after {WAIT_SECONDS:.0f} s; kinolog doctor says whether heads of "
                "the tree are signed. Later, kinolog audit erasures --output FILE saves them",
            )
        time.sleep(POLL_SECONDS)
    write_certificates(client, place, numbers)


def write_certificates(client: KinologClient, place: Path, numbers: list[int]) -> None:
    """Write certificates to a file, or to standard output."""
    text = "".join(certificate_line(client.erasure(number)) for number in numbers)
    with writing(place):
        if place == STANDARD_OUTPUT:
            place.write_text(text, encoding="ascii")
        else:
            write_durably(place, text)


def certificate_numbers(client: KinologClient, *, erasure_id: str = "", job_id: str = "") -> list[int]:
    """Return the numbers of all certificates, or of those of an erasure or a job."""
    return _numbers(client, erasure_id, job_id)[0]


def _numbers(client: KinologClient, erasure_id: str, job_id: str) -> tuple[list[int], int]:
    """Return the numbers of certificates, and how many jobs they name."""
    numbers, jobs, after = list[int](), 0, 0
    while True:
        page = client.erasures(after=after, erasure_id=erasure_id, job_id=job_id)
        numbers += [one.number for one in page.certificates]
        jobs += sum(one.jobs for one in page.certificates)
        if page.next_after is None:
            return numbers, jobs
        after = page.next_after
