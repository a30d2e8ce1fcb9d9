"""Bundles that are too large, too many, never read, or of jobs that are erased meanwhile."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from grpc import aio
from kinolog_api.audit_exports import export_bundle
from kinolog_api.audit_exports.bundle_writer import BundleWriter
from kinolog_api.audit_exports.proof_maker import BundleHeads

from kinolog.ports.event_store import LoadedJob
from kinolog.v1 import export_service_pb2 as ex
from tests.builders.audit_bundles import audited_api, bundle, first, second
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import RunningApi, problem_of, refused
from tests.fixtures.waits import until


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with signed heads."""
    async with audited_api() as running:
        yield running


async def test_limits_of_bundles(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too large, others that are being made, a full disk: each is refused, and the next one is made."""

    def full_disk() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name, value, reason in (
        ("kinolog.bundle.archive.MAX_BYTES", 500, "BUNDLE_TOO_LARGE"),
        ("kinolog.bundle.archive.MAX_MEMBERS", 2, "BUNDLE_TOO_LARGE"),
        ("kinolog_api.audit_exports.export_bundle.AT_ONCE", 0, "EXPORTS_BUSY"),
        ("kinolog_api.audit_exports.export_bundle.WAITING_AT_ONCE", 0, "EXPORTS_BUSY"),
        ("tempfile.TemporaryFile", full_disk, "NO_TEMPORARY_SPACE"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(name, value)
            problem = await refused(api.method("ExportBundle")(ex.ExportBundleRequest()))
        assert problem.reason == reason
    first(await bundle(api))


async def unread(api: RunningApi) -> aio.UnaryStreamCall[ex.ExportBundleRequest, ex.ExportBundleResponse]:
    """Return the call for a large bundle of which a client has read the first part alone."""
    stream = api.method("ExportBundle")(ex.ExportBundleRequest(with_files=True))
    while not (await stream.read()).data:
        pass
    return stream  # type: ignore[no-any-return]


async def is_made(api: RunningApi) -> bool:
    """Return whether a bundle of the first commit is made now. Others may be in its way, or a busy machine too slow."""
    request = ex.ExportBundleRequest(selection=ex.CommitSelection(last_position=1))
    try:
        return bool([message async for message in api.method("ExportBundle")(request)])
    except aio.AioRpcError as error:
        if problem_of(error).reason not in ("EXPORTS_BUSY", "TOO_SLOW"):
            raise
        return False


async def test_clients_that_read_nothing_hold_back_no_others(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundles that wait to be read leave the places of those that are made. Each is given up after a while."""
    job_id = await api.submit()
    await api.complete(job_id, bytes(16_000_000))
    await grow_tree(api)
    stalled = [await unread(api) for _ in range(3)]
    assert await is_made(api)
    monkeypatch.setattr(export_bundle, "WAITING_AT_ONCE", 4)
    monkeypatch.setattr(export_bundle, "STALL_SECONDS", 0.05)
    stalled.append(api.method("ExportBundle")(ex.ExportBundleRequest(with_files=True)))
    await stalled[-1].initial_metadata()  # it is being made, or was given up already
    await until(lambda: is_made(api), "the last one is given up")
    for stream in stalled:
        stream.cancel()


async def test_no_file_of_an_erased_job_is_in_a_bundle(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of one whose files are not deleted yet, nor of one that is erased while the bundle is made."""
    going, staying = await api.submit(), await api.submit()
    await api.complete(going, b"a video that is to go")
    await api.complete(staying, b"a video that stays")
    await grow_tree(api)
    erased, load, finish = {going}, api.store.load, BundleWriter.finish

    async def load_erased(job_id: str) -> LoadedJob | None:
        loaded = await load(job_id)
        if loaded is None or job_id not in erased:
            return loaded
        return replace(loaded, job=replace(loaded.job, erased=True))

    monkeypatch.setattr(api.store, "load", load_erased)
    archive = await bundle(api, files=True)
    assert b"a video that is to go" not in archive
    assert b"a video that stays" in archive
    first(archive)
    second(archive)

    def erase_and_finish(writer: BundleWriter, heads: BundleHeads) -> int:
        erased.add(staying)
        return finish(writer, heads)

    monkeypatch.setattr(BundleWriter, "finish", erase_and_finish)
    problem = await refused(api.method("ExportBundle")(ex.ExportBundleRequest(with_files=True)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.ABORTED, "JOB_ERASED")
