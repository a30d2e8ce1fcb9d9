"""Certificates of erasure of an api over memory."""

from __future__ import annotations

from kinolog.job import events as e
from kinolog.merkle.erasure_certificate import CertifiedJob, ErasureCertificate, SignedCertificate
from kinolog.merkle.hash_tiles import range_root
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.subset_proof import subset_ranges
from tests.builders.commit_tree import KEY, NOON, grow_tree
from tests.builders.running_api import RunningApi

ERASURE = "e" * 26


async def certify(api: RunningApi, *job_ids: str, tenant: str = "default") -> SignedCertificate:
    """Sign a head of all commits, and a certificate of these jobs under it."""
    await grow_tree(api)
    head = api.read_model.signed_heads[-1].head
    jobs = []
    for job_id in job_ids:
        *_, erased, finished = [recorded async for recorded in api.store.history(job_id)]
        (event,) = finished.commit.events
        assert isinstance(event, e.ErasureFinished)
        jobs.append(
            CertifiedJob(
                job_id=job_id,
                erased_at=erased.commit.at,
                erased_position=erased.position,
                position=finished.position,
                leaf=leaf_hash(finished.raw),
                files=event.files,
                sha256=event.sha256,
            )
        )
    jobs.sort(key=lambda job: job.position)
    parts = subset_ranges([job.position - 1 for job in jobs], head.size)
    number = len(api.read_model.certificates) + 1
    stated = ErasureCertificate(
        number=number,
        log=head.origin,
        erasure_id=ERASURE,
        tenant=tenant,
        actor="ann",
        issued_at=NOON,
        head_number=len(api.read_model.signed_heads),
        tree_size=head.size,
        root=head.root,
        jobs=tuple(jobs),
        proof=tuple(range_root(part, api.read_model.tree_tiles) for part in parts),
    )
    signed = SignedCertificate(number=number, key=NoteKey.of(KEY), note=stated.signed([KEY]))
    api.read_model.certificates.append(signed)
    return signed
