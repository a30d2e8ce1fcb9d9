"""Comparisons of everything, for operators: StartVerification, CancelVerification, ListVerifications, GetVerification.

The projector carries them out. Whoever started one need not stay: the stream of facts has it, and its result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from grpc import StatusCode

from kinolog.access.access_log import AccessLog
from kinolog.access.verification import (
    VERIFICATIONS,
    Verification,
    VerificationCancelled,
    VerificationFact,
    VerificationStarted,
    VerificationState,
)
from kinolog.codec.audit.verifications import FILES_FROM_PROTO, verification_to_proto
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog.ports.tree.verification_progress import VerificationProgress, VerificationProgressReader
from kinolog.process.logs import fields
from kinolog.v1 import audit_service_pb2 as pb
from kinolog_api.api_keys.fact_log import TRIES, FactLog
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError

logger = logging.getLogger(__name__)

DEFAULT_PAGE_SIZE = 100


class Verifications:
    """They concern all tenants, and their results name jobs of all, so only an operator sees them."""

    def __init__(
        self, log: AccessLog, directory: KeyDirectory, progress: VerificationProgressReader, clock: Clock
    ) -> None:
        self._facts = FactLog(log, directory, clock)
        self._directory = directory
        self._progress = progress

    async def start(
        self, request: pb.StartVerificationRequest, call: RpcCall
    ) -> pb.StartVerificationResponse:
        """StartVerification. Of two that start at once, one is refused."""
        _check_operator(call)
        started = VerificationStarted(verification_id=new_id(), files=FILES_FROM_PROTO[request.files])
        await self._decide("start_verification", started, call, self._check_none_runs)
        made = self._known(started.verification_id)
        return pb.StartVerificationResponse(verification=verification_to_proto(made))

    async def cancel(
        self, request: pb.CancelVerificationRequest, call: RpcCall
    ) -> pb.CancelVerificationResponse:
        """CancelVerification. One that is cancelled already stays as it is."""
        _check_operator(call)
        cancelled = VerificationCancelled(verification_id=request.verification_id)

        def is_cancelled() -> bool:
            state = self._known(request.verification_id).state
            if state not in (VerificationState.RUNNING, VerificationState.CANCELLED):
                message = f"verification {request.verification_id} has ended: {state.value}"
                raise RpcError(StatusCode.FAILED_PRECONDITION, "VERIFICATION_ENDED", message)
            return state is VerificationState.CANCELLED

        await self._decide("cancel_verification", cancelled, call, is_cancelled)
        made = self._known(request.verification_id)
        return pb.CancelVerificationResponse(verification=verification_to_proto(made))

    async def list_verifications(
        self, request: pb.ListVerificationsRequest, call: RpcCall
    ) -> pb.ListVerificationsResponse:
        """ListVerifications."""
        _check_operator(call)
        found = list(self._directory.verifications.newest_first())
        if request.after:
            found = found[found.index(self._known(request.after)) + 1 :]
        progress = await self._read_progress()
        page = found[: request.page_size or DEFAULT_PAGE_SIZE]
        return pb.ListVerificationsResponse(verifications=[_shown(made, progress) for made in page])

    async def get_verification(
        self, request: pb.GetVerificationRequest, call: RpcCall
    ) -> pb.GetVerificationResponse:
        """GetVerification."""
        _check_operator(call)
        made = self._known(request.verification_id)
        return pb.GetVerificationResponse(verification=_shown(made, await self._read_progress()))

    async def _decide(
        self, command: str, fact: VerificationFact, call: RpcCall, is_done: Callable[[], bool]
    ) -> None:
        """Append a fact, unless it holds already. Raises what `is_done` raises, which is called for each try."""
        await self._directory.load()  # another api, or the projector, may have stored a fact a moment ago
        for remaining in reversed(range(TRIES)):
            if is_done():
                return
            try:
                tail = self._directory.verifications.tail
                await self._facts.append(VERIFICATIONS, command, fact, call.actor, tail)
                break
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()
        logger.info(
            command,
            extra=fields(command, verification=fact.verification_id, actor=call.actor, **call.origin),
        )

    def _check_none_runs(self) -> bool:
        running = self._directory.verifications.running
        if running is not None:
            message = (
                f"verification {running.verification_id}, which {running.started_by} started, goes on; "
                "wait until it ends, or cancel it"
            )
            raise RpcError(StatusCode.FAILED_PRECONDITION, "VERIFICATION_RUNNING", message)
        return False

    def _known(self, verification_id: str) -> Verification:
        made = self._directory.verifications.by_id(verification_id)
        if made is None:
            message = f"verification {verification_id} does not exist, or is none of the last 1,000"
            raise RpcError(StatusCode.NOT_FOUND, "VERIFICATION_NOT_FOUND", message)
        return made

    async def _read_progress(self) -> VerificationProgress | None:
        """Return the progress of the one that goes on; None without one."""
        if self._directory.verifications.running is None:
            return None
        return await self._progress.verification_progress()


def _check_operator(call: RpcCall) -> None:
    if not call.sees_load:
        message = (
            "a comparison of everything concerns all tenants: ask with a key of every tenant, on behalf of none; "
            "to check a job of your own, verify it"
        )
        raise RpcError(StatusCode.PERMISSION_DENIED, "OPERATORS_ONLY", message)


def _shown(made: Verification, progress: VerificationProgress | None) -> pb.Verification:
    wire = verification_to_proto(made)
    is_running = made.state is VerificationState.RUNNING
    if is_running and progress is not None and progress.verification_id == made.verification_id:
        wire.progress.commits = progress.commits
        wire.progress.all_commits = progress.all_commits
        wire.progress.jobs = progress.jobs
    return wire
