"""Certificates of erasure: ListErasures, GetErasure, and the check of the erasure of a job. See decision 143."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC

from grpc import StatusCode

from kinolog.codec.times import time_to_proto
from kinolog.job import events as e
from kinolog.job.commit import RecordedCommit
from kinolog.job.state import Job
from kinolog.merkle.erasure_certificate import ErasureCertificate, SignedCertificate
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_note import InvalidNote
from kinolog.ports.read_model import ReadModel
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.audit.checks import RecordCheck
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError

CERTIFICATES_PER_PAGE = 100
JOBS_PER_PAGE = 5_000
"""A page ends with the certificate that reaches so many jobs. To check one of 1,000 jobs takes 20 ms."""
CERTIFICATES_PER_READ = 20
NAME = "erasure"


class Erasures:
    """ListErasures and GetErasure."""

    def __init__(self, read_model: ReadModel) -> None:
        self._read_model = read_model

    async def list_erasures(self, request: pb.ListErasuresRequest, call: RpcCall) -> pb.ListErasuresResponse:
        """ListErasures. Other calls have their turn after each certificate, whose signature and proof are checked."""
        page, jobs, after = list[pb.ErasureCertificate](), 0, request.after
        wanted = request.page_size or CERTIFICATES_PER_PAGE
        while jobs < JOBS_PER_PAGE and (left := min(wanted - len(page), CERTIFICATES_PER_READ)):
            found = await self._read_model.erasure_certificates(
                call.tenant,
                after=after,
                limit=left,
                erasure_id=request.erasure_id,
                job_id=request.named_job_id,
            )
            for signed in found:
                page.append(_listed(signed))
                jobs, after = jobs + page[-1].jobs, signed.number
                if jobs >= JOBS_PER_PAGE:
                    break
                await asyncio.sleep(0)
            if len(found) < left:
                break
        return pb.ListErasuresResponse(certificates=page)

    async def get_erasure(self, request: pb.GetErasureRequest, call: RpcCall) -> pb.GetErasureResponse:
        """GetErasure. A certificate of another tenant is answered as one that does not exist."""
        found = await self._read_model.erasure_certificates(call.tenant, after=request.number - 1, limit=1)
        if not found or found[0].number != request.number:
            message = f"you have no certificate of erasure with the number {request.number}"
            raise RpcError(StatusCode.NOT_FOUND, "ERASURE_NOT_FOUND", message)
        return pb.GetErasureResponse(certificate=_certificate(found[0], note=found[0].note))


async def check_erasure(job: Job, history: Sequence[RecordedCommit], read_model: ReadModel) -> RecordCheck:
    """Check that the erasure of a job is recorded to its end, and that its certificate names the very commit."""
    finished = _last(history, e.ErasureFinished)
    if finished is None:
        erased = _last(history, e.Erased)
        if erased is not None and not _is_numbered(erased):
            return RecordCheck(
                NAME,
                True,
                "erased by an earlier version, without a certificate; to get one, erase the job again",
            )
        return RecordCheck(
            NAME, False, "the erasure is not recorded to its end; erase the job again to finish"
        )
    done = f"finished at position {finished.position}"
    found = await read_model.erasure_certificates(job.tenant, job_id=job.id)
    if not found:
        return RecordCheck(NAME, True, f"{done}; its certificate follows the next signed head of the tree")
    signed = found[-1]
    try:
        stated = signed.certificate
    except InvalidNote as error:
        return RecordCheck(NAME, False, f"certificate {signed.number} of the erasure was changed: {error}")
    named = next((one for one in stated.jobs if one.job_id == job.id), None)
    if named is None or (named.position, named.leaf) != (finished.position, leaf_hash(finished.raw)):
        return RecordCheck(NAME, False, f"{done}, but certificate {signed.number} names another commit")
    if not await _has_head(stated, read_model):
        return RecordCheck(
            NAME, False, f"certificate {signed.number} names a head {stated.head_number} of another tree"
        )
    at = f"{stated.issued_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return RecordCheck(
        NAME, True, f"{done}; certificate {signed.number}, signed {at} under head {stated.head_number}"
    )


async def _has_head(stated: ErasureCertificate, read_model: ReadModel) -> bool:
    """Return whether the signed head that a certificate names is stored, and is of the tree that it states."""
    heads = await read_model.tree_heads(stated.head_number - 1, 1)
    try:
        return bool(heads) and (heads[0].number, heads[0].head.size, heads[0].head.root) == (
            stated.head_number,
            stated.tree_size,
            stated.root,
        )
    except InvalidNote:
        return False


def _last(history: Sequence[RecordedCommit], kind: type[e.Event]) -> RecordedCommit | None:
    """Return the last commit with an event of a kind."""
    commits = (
        one for one in reversed(history) if any(isinstance(event, kind) for event in one.commit.events)
    )
    return next(commits, None)


def _is_numbered(erased: RecordedCommit) -> bool:
    """Return whether an erasure has an id: those of earlier versions, which recorded no end, have none."""
    return any(isinstance(event, e.Erased) and event.erasure_id for event in erased.commit.events)


def _listed(signed: SignedCertificate) -> pb.ErasureCertificate:
    """Return a certificate without its text. One that was changed is named, and keeps back no other."""
    try:
        return _certificate(signed, note="")
    except RpcError as error:
        return pb.ErasureCertificate(number=signed.number, problem=error.message)


def _certificate(signed: SignedCertificate, note: str) -> pb.ErasureCertificate:
    """Return a certificate for clients. Raises DATA_LOSS if it was changed."""
    try:
        stated = signed.certificate
    except InvalidNote as error:
        message = f"the certificate {signed.number} of an erasure was changed: {error}"
        raise RpcError(StatusCode.DATA_LOSS, "DATA_DAMAGED", message) from error
    wire = pb.ErasureCertificate(
        number=signed.number,
        erasure_id=stated.erasure_id,
        actor=stated.actor,
        jobs=len(stated.jobs),
        files=stated.files,
        head_number=stated.head_number,
        tree_size=stated.tree_size,
        key_id=signed.key.id,
        key=signed.key.public.hex(),
        note=note,
    )
    time_to_proto(wire.first_erased_at, stated.first_erased_at)
    time_to_proto(wire.last_erased_at, stated.last_erased_at)
    time_to_proto(wire.issued_at, stated.issued_at)
    return wire
