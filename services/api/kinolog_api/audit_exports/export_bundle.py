"""ExportBundle: an archive with the selected commits that proves itself. It is made in a temporary file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, MutableMapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, BinaryIO

from grpc import StatusCode

from kinolog.access.api_key import Scope
from kinolog.bundle.archive import CHUNK_BYTES, ArchiveTooLarge
from kinolog.job.commit import RecordedCommit
from kinolog.ports.artifacts import ArtifactStore
from kinolog.ports.event_store import EventStore
from kinolog.ports.keys import KeyStore
from kinolog.ports.read_model import ReadModel
from kinolog.v1 import export_service_pb2 as pb
from kinolog_api.audit_exports.bundle_writer import BundleWriter
from kinolog_api.audit_exports.proof_maker import ProofMaker, not_signed_yet
from kinolog_api.audit_exports.selected_commits import CommitSelections, SelectedCommits
from kinolog_api.rpc.calls import RpcCall
from kinolog_api.rpc.errors import RpcError, scope_missing

AT_ONCE = 2
"""Bundles that are made at the same time."""
WAITING_AT_ONCE = 8
"""Bundles that are made or sent at the same time. Each has a temporary file."""
STALL_SECONDS = 60.0
"""How long a client may leave a part of a bundle unread."""
RETRY_SECONDS = 10.0
JOBS_BETWEEN_SIGNS = 200
"""Jobs that are read before the connection shows that the export goes on."""


class ExportBundle:
    """ExportBundle."""

    def __init__(
        self, store: EventStore, keys: KeyStore, read_model: ReadModel, artifacts: ArtifactStore
    ) -> None:
        self._selections = CommitSelections(store, read_model)
        self._keys = keys
        self._read_model = read_model
        self._store = store
        self._artifacts = artifacts
        self._made_now = self._open = 0

    async def export_bundle(
        self, request: pb.ExportBundleRequest, call: RpcCall
    ) -> AsyncGenerator[pb.ExportBundleResponse, None]:
        """ExportBundle. Messages without bytes come while the archive is made; then its size, and its bytes."""
        if (request.with_files or request.with_keys) and Scope.READ not in call.scopes:
            raise scope_missing(Scope.READ, "a bundle with files or texts of users")
        if self._made_now >= AT_ONCE or self._open >= WAITING_AT_ONCE:
            message = "other bundles are being made; try again in a moment"
            raise RpcError(
                StatusCode.RESOURCE_EXHAUSTED, "EXPORTS_BUSY", message, retry_seconds=RETRY_SECONDS
            )
        self._open += 1
        try:
            with tempfile.TemporaryFile() as file:
                async with aclosing(self._written(file, request, call)) as sizes:
                    async for size in sizes:
                        yield pb.ExportBundleResponse(size_bytes=size)
                async with aclosing(_unless_stalled(_parts(file), STALL_SECONDS)) as parts:
                    async for part in parts:
                        yield part
        except ArchiveTooLarge as error:
            message = (
                "the bundle would have more than 4 GiB or 65,000 files: select less, or leave out the files"
            )
            raise RpcError(StatusCode.FAILED_PRECONDITION, "BUNDLE_TOO_LARGE", message) from error
        except OSError as error:
            message = f"the api cannot write the bundle into a temporary file: {error.strerror}"
            raise RpcError(StatusCode.UNAVAILABLE, "NO_TEMPORARY_SPACE", message) from error
        finally:
            self._open -= 1

    async def _written(
        self, file: BinaryIO, request: pb.ExportBundleRequest, call: RpcCall
    ) -> AsyncGenerator[int, None]:
        """Write the bundle, of which few are made at once. What is sent later holds back no other."""
        self._made_now += 1
        try:
            async with aclosing(self._made(file, request, call)) as sizes:
                async for size in sizes:
                    yield size
        finally:
            self._made_now -= 1

    async def _made(
        self, file: BinaryIO, request: pb.ExportBundleRequest, call: RpcCall
    ) -> AsyncGenerator[int, None]:
        """Write the bundle. Yield 0 while it goes on, and at last its size."""
        selected = await self._selections.check(request.selection, call)
        proofs = ProofMaker(self._read_model)
        _, newest = await proofs.last_head()
        if not request.selection.last_position and not selected.job_id:
            selected = replace(selected, last=min(selected.last, newest.size))
        elif not selected.job_id and selected.last > newest.size:
            raise not_signed_yet(selected.last, newest.size)
        bundle = BundleWriter(file, selected)
        async with aclosing(self._batches(selected)) as batches:
            async for _ in bundle.write_commits(batches):
                yield 0
        leaves = bundle.named.leaves
        if not leaves:
            message = "no commit matches the selection, so there is nothing to prove"
            raise RpcError(StatusCode.NOT_FOUND, "NOTHING_SELECTED", message)
        heads = await proofs.heads(leaves[-1] + 1, request.earlier_sizes)
        await bundle.write_proof(heads, proofs)
        if request.with_files:
            async for _ in self._forget_erased(bundle.named.files_of):
                yield 0
            async for _ in bundle.write_files(self._artifacts):
                yield 0
        if request.with_keys:
            async for _ in self._forget_erased(bundle.named.key_ids):
                yield 0
            await bundle.write_keys(self._keys)
        size = bundle.finish(heads)
        opened: dict[str, object] = {**bundle.named.files_of} if request.with_files else {}
        opened |= bundle.named.key_ids if request.with_keys else {}
        before = len(opened)
        async for _ in self._forget_erased(opened):
            yield 0
        if len(opened) < before:
            message = "a job of the bundle was erased while it was made; try again"
            raise RpcError(StatusCode.ABORTED, "JOB_ERASED", message, retry_seconds=RETRY_SECONDS)
        yield size

    async def _forget_erased(self, of_jobs: MutableMapping[str, Any]) -> AsyncGenerator[None, None]:
        """Take out what is of erased jobs, whose keys and files exist until they are deleted; yield now and then."""
        for number, job_id in enumerate(tuple(of_jobs), 1):
            last = await self._store.load(job_id)
            if last is None or last.job.erased:
                del of_jobs[job_id]
            if number % JOBS_BETWEEN_SIGNS == 0:
                yield

    async def _batches(self, selected: SelectedCommits) -> AsyncGenerator[Sequence[RecordedCommit], None]:
        async with aclosing(self._selections.read(selected)) as batches:
            async for _, commits in batches:
                yield commits


async def _parts(file: BinaryIO) -> AsyncGenerator[pb.ExportBundleResponse, None]:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield pb.ExportBundleResponse(data=chunk)


async def _unless_stalled(
    parts: AsyncGenerator[pb.ExportBundleResponse, None], seconds: float
) -> AsyncGenerator[pb.ExportBundleResponse, None]:
    """Yield the parts. Raises `RpcError` when it is closed because one was not taken for so long."""
    task, stalled = asyncio.current_task(), False

    def end() -> None:
        nonlocal stalled
        if task is not None:
            stalled = True
            task.cancel()

    async with aclosing(parts):
        async for part in parts:
            timer = asyncio.get_running_loop().call_later(seconds, end)
            try:
                yield part
            except GeneratorExit:
                if not stalled or task is None:
                    raise
                task.uncancel()  # the call ends with an error instead
                message = f"a part of the bundle was not read for {seconds:g} seconds; ask for it again"
                raise RpcError(StatusCode.ABORTED, "TOO_SLOW", message) from None
            finally:
                timer.cancel()
