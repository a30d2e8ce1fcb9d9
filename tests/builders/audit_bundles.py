"""Bundles of an api over memory, and what both verifiers say of them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from kinolog_api.rpc.authentication import TENANT_KEY

from kinolog.bundle import contents
from kinolog.bundle.archive import ArchiveWriter, content_of, read_archive
from kinolog.bundle.contents import BundleInvalid, BundleManifest, MemberFacts
from kinolog.bundle.verification import BundleReport, TrustedHeads, verify_bundle
from kinolog.v1 import export_service_pb2 as ex
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import PROMPT, RunningApi, running_api

VIDEO = b"the bytes of a video" * 20
NOTHING = TrustedHeads()
Contents = dict[str, bytes]


def _standalone_verifier() -> Any:
    """Return the second verifier, loaded from what a bundle ships."""
    loaded = ModuleType("standalone_verifier")
    exec(compile(contents.package_file(contents.VERIFIER), "verify.py", "exec"), loaded.__dict__)  # noqa: S102
    return loaded


SECOND: Any = _standalone_verifier()


@asynccontextmanager
async def audited_api() -> AsyncIterator[RunningApi]:
    """Run an api over memory with three jobs of two tenants, and two signed heads: the first has two jobs."""
    async with running_api() as running:
        for tenant in ("default", "other", "default"):
            request = pb.SubmitJobRequest(prompt=PROMPT, seed=1)
            job = (await running.jobs.SubmitJob(request, metadata=((TENANT_KEY, tenant),))).job
            await running.complete(job.id, VIDEO)
            if tenant == "other":
                await grow_tree(running)
        await grow_tree(running)
        yield running


async def bundle(api: RunningApi, *, files: bool = False, keys: bool = False, **selection: Any) -> bytes:
    """Return a bundle."""
    earlier = selection.pop("earlier_sizes", ())
    request = ex.ExportBundleRequest(
        selection=ex.CommitSelection(**selection), with_files=files, with_keys=keys, earlier_sizes=earlier
    )
    messages = [each async for each in api.method("ExportBundle")(request)]
    archive = b"".join(each.data for each in messages)
    assert [each.size_bytes for each in messages if each.size_bytes] == [len(archive)]
    return archive


async def whole(api: RunningApi) -> bytes:
    """Return a bundle of everything, with files and keys."""
    return await bundle(api, files=True, keys=True, tenant="*")


def first(archive: bytes, trusted: TrustedHeads = NOTHING) -> BundleReport:
    """Return the report of the first verifier."""
    return verify_bundle(io.BytesIO(archive), trusted)


def second(archive: bytes, **trusted: str) -> list[str]:
    """Return what the second verifier says. Raises what it makes a verdict of."""
    said, _ = SECOND.verify(io.BytesIO(archive), **trusted)
    return list(said)


def both_refuse(archive: bytes, trusted: TrustedHeads = NOTHING, **more: str) -> tuple[str, str]:
    """Return why both verifiers refuse a bundle."""
    with pytest.raises(BundleInvalid) as one:
        first(archive, trusted)
    with pytest.raises(SECOND.EXPECTED) as other:
        second(archive, **more)
    return str(one.value), str(other.value)


def unpacked(archive: bytes) -> Contents:
    """Return the contents of a bundle by name."""
    file = io.BytesIO(archive)
    return {member.name: b"".join(content_of(file, member)) for member in read_archive(file)}


def packed(found: Contents, **manifest: Any) -> bytes:
    """Return an archive with these contents, and a manifest that lists them: what a forger would make."""
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    stated = BundleManifest.of(found[contents.MANIFEST].decode())
    for name, content in found.items():
        if name != contents.MANIFEST:
            archive.add(name, content)
    members = tuple(MemberFacts(name=m.name, size=m.size, sha256=m.sha256) for m in archive.members)
    archive.add(contents.MANIFEST, replace(stated, members=members, **manifest).text.encode())
    archive.finish()
    return file.getvalue()
