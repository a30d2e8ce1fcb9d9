"""Signed heads, tiles and proofs of the tree over all commits, as the api returns them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest

from kinolog.access.key_text import key_digest
from kinolog.merkle.hash_tiles import GrowingTree, HashTileId, split_hashes
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.proofs import check_consistency, check_inclusion
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.witness import PublishedHead, Witness
from kinolog.ports.tree.commit_tree import HeadPlace
from kinolog.process.api_keys import KeyHolder
from kinolog.v1 import audit_service_pb2 as au
from kinolog.v1.audit_service_pb2_grpc import AuditServiceStub
from kinolog.v1.job_service_pb2 import SubmitJobRequest
from kinolog.v1.job_service_pb2_grpc import JobServiceStub
from tests.builders.call_metadata import bearer
from tests.builders.commit_tree import KEY, grow_tree
from tests.builders.running_api import RpcProblem, RunningApi, refused, running_api
from tests.contract.test_api_verify_tree import rewrite

OTHER = (("x-kinolog-tenant", "other"),)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory, with three heads: of 1, 3 and 7 commits."""
    async with running_api() as running:
        for more in (1, 2, 4):
            for _ in range(more):
                await running.submit()
            await grow_tree(running)
        yield running


def hashes(texts: object) -> list[bytes]:
    """Return hashes in hexadecimal as bytes."""
    return [bytes.fromhex(text) for text in texts]  # type: ignore[attr-defined]


async def job_at(api: RunningApi, position: int) -> str:
    """Return the job of the commit at a position."""
    (batch,) = [batch async for batch in api.store.read(position - 1, position)]
    return batch[0].commit.job_id


async def proof_refused(api: RunningApi, **fields: object) -> RpcProblem:
    """Return why the proof of a commit is refused."""
    return await refused(api.audit.GetInclusionProof(au.GetInclusionProofRequest(**fields)))  # type: ignore[arg-type]


async def test_heads_are_read_and_followed(api: RunningApi) -> None:
    """Any key reads them, of whatever tenant. A witness accepts the list, from the beginning and from a head on."""
    last = (await api.audit.GetTreeHead(au.GetTreeHeadRequest(), metadata=OTHER)).head
    assert (last.number, last.size, last.key_id) == (3, 7, NoteKey.of(KEY).id)
    assert (await api.audit.GetTreeHead(au.GetTreeHeadRequest(number=2))).head.size == 3
    heads = list((await api.audit.ListTreeHeads(au.ListTreeHeadsRequest(), metadata=OTHER)).heads)
    assert [head.size for head in heads] == [1, 3, 7]
    published = [
        PublishedHead(signed=signed, proof=tuple(hashes(head.consistency)))
        for signed, head in zip(api.read_model.signed_heads, heads, strict=True)
    ]
    assert [one.signed.note for one in published] == [head.note for head in heads]
    seen = Witness.begin(published[0])
    for one in published[1:]:
        seen = seen.accept(one)
    assert seen.seen is published[-1]
    page = await api.audit.ListTreeHeads(au.ListTreeHeadsRequest(after=1, page_size=1))
    assert list(page.heads) == [heads[1]]


async def test_operators_read_which_places_have_heads() -> None:
    """Beside the last head alone. A key of a tenant reads the head without them."""
    operator, tenant = "o" * 32, "t" * 32
    keys = {key_digest(operator): KeyHolder(), key_digest(tenant): KeyHolder(tenant="t")}
    async with running_api(keys) as api, grpc.aio.insecure_channel(api.target) as channel:
        reader = AuditServiceStub(channel)
        jobs = JobServiceStub(channel)
        await jobs.SubmitJob(SubmitJobRequest(prompt="a ball"), metadata=bearer(tenant))
        await grow_tree(api)
        at = datetime(2026, 11, 28, tzinfo=UTC)
        api.read_model.places = [HeadPlace(name="s3://heads", number=1, sent_at=at, has_receipt=True)]
        last, first = au.GetTreeHeadRequest(), au.GetTreeHeadRequest(number=1)
        (place,) = (await reader.GetTreeHead(last, metadata=bearer(operator))).places
        assert (place.name, place.number, place.has_receipt) == ("s3://heads", 1, True)
        assert place.sent_at.ToDatetime(UTC) == at
        assert not (await reader.GetTreeHead(first, metadata=bearer(operator))).places
        for metadata in (bearer(tenant), bearer(operator, ("x-kinolog-tenant", "t"))):
            answer = await reader.GetTreeHead(last, metadata=metadata)
            assert (answer.head.number, list(answer.places)) == (1, [])


async def test_a_tile_has_the_hashes_of_commits(api: RunningApi) -> None:
    answer = await api.audit.GetTreeTile(au.GetTreeTileRequest(), metadata=OTHER)
    raws = [one.raw async for batch in api.store.read(0) for one in batch]
    assert split_hashes(answer.hashes) == [leaf_hash(raw) for raw in raws]
    missing = await refused(api.audit.GetTreeTile(au.GetTreeTileRequest(level=1)))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "TREE_TILE_NOT_FOUND")


@pytest.mark.parametrize("size", [0, 3, 5])
async def test_a_commit_is_proved(api: RunningApi, size: int) -> None:
    """By its position and by its job, under the last head or in an earlier tree, which may have no head."""
    job_id = await job_at(api, 3)
    by_job, by_position = [
        await api.audit.GetInclusionProof(au.GetInclusionProofRequest(**which, tree_size=size))
        for which in ({"job_id": job_id}, {"position": 3})
    ]
    assert by_job == by_position
    assert (by_job.position, by_job.job_id, by_job.tree_size) == (3, job_id, size or 7)
    leaf = leaf_hash(by_job.stored_commit)
    assert by_job.leaf_hash == leaf.hex()
    check_inclusion(leaf, 2, by_job.tree_size, hashes(by_job.hashes), bytes.fromhex(by_job.root))
    assert by_job.head.number == {0: 3, 3: 2, 5: 0}[size]
    assert by_job.head.root == (by_job.root if size != 5 else "")


async def test_the_commits_of_a_job(api: RunningApi) -> None:
    """By their number; without one the last that the tree has."""
    job_id = await job_at(api, 2)
    await api.start_attempt(job_id)
    request = au.GetInclusionProofRequest(job_id=job_id)
    assert (await api.audit.GetInclusionProof(request)).position == 2
    late = await proof_refused(api, job_id=job_id, sequence=2)
    assert (late.code, late.reason) == (grpc.StatusCode.OUT_OF_RANGE, "NOT_IN_TREE")
    await grow_tree(api)
    assert (await api.audit.GetInclusionProof(request)).position == 8
    first = au.GetInclusionProofRequest(job_id=job_id, sequence=1)
    assert (await api.audit.GetInclusionProof(first)).position == 2
    missing = await proof_refused(api, job_id=job_id, sequence=3)
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "COMMIT_NOT_FOUND")


async def test_a_commit_of_another_tenant_is_as_one_that_is_missing(api: RunningApi) -> None:
    request = au.GetInclusionProofRequest(position=2)
    foreign = await refused(api.audit.GetInclusionProof(request, metadata=OTHER))
    missing = await proof_refused(api, position=8)
    assert repr(foreign).replace("position 2", "position 8") == repr(missing)
    assert missing.reason == "COMMIT_NOT_FOUND"


@pytest.mark.parametrize(("old", "new"), [(1, 3), (3, 0), (5, 6), (7, 7)])
async def test_a_tree_continues_an_earlier_one(api: RunningApi, old: int, new: int) -> None:
    request = au.GetConsistencyProofRequest(old_size=old, new_size=new)
    proof = await api.audit.GetConsistencyProof(request, metadata=OTHER)
    assert (proof.old_size, proof.new_size) == (old, new or 7)
    roots = [bytes.fromhex(root) for root in (proof.old_root, proof.new_root)]
    check_consistency(old, roots[0], new or 7, roots[1], hashes(proof.hashes))
    assert proof.old_head.root in ("", proof.old_root)
    assert bool(proof.old_head.number) == (old in (1, 3, 7))


async def test_trees_that_are_not_there(api: RunningApi) -> None:
    upside_down = au.GetConsistencyProofRequest(old_size=5, new_size=3)
    assert (await refused(api.audit.GetConsistencyProof(upside_down))).reason == "INVALID_FIELDS"
    beyond = await refused(
        api.audit.GetConsistencyProof(au.GetConsistencyProofRequest(old_size=1, new_size=8))
    )
    assert (beyond.code, beyond.reason) == (grpc.StatusCode.OUT_OF_RANGE, "TREE_TOO_SMALL")
    assert beyond.metadata == {"tree_size": "7"}
    missing = await refused(api.audit.GetTreeHead(au.GetTreeHeadRequest(number=4)))
    assert (missing.code, missing.reason) == (grpc.StatusCode.NOT_FOUND, "TREE_HEAD_NOT_FOUND")


async def test_a_changed_commit_has_no_proof(api: RunningApi) -> None:
    await rewrite(api, 2)
    problem = await proof_refused(api, position=2)
    assert (problem.code, problem.reason) == (grpc.StatusCode.DATA_LOSS, "DATA_DAMAGED")
    assert "position 2 is another commit" in problem.message


async def test_before_the_first_head_and_while_the_tree_is_made_again() -> None:
    async with running_api() as api:
        await api.submit()
        assert (await proof_refused(api, position=1)).reason == "NO_TREE_HEAD"
        assert (await refused(api.audit.GetTreeHead(au.GetTreeHeadRequest()))).reason == "TREE_HEAD_NOT_FOUND"
        assert not (await api.audit.ListTreeHeads(au.ListTreeHeadsRequest())).heads
        await grow_tree(api)
        api.read_model.tree_tiles.clear()
        assert (await proof_refused(api, position=1)).reason == "TREE_INCOMPLETE"


async def test_large_trees(api: RunningApi) -> None:
    """More than one tile: proofs of the first commit and of the one at the end of the log."""
    await grow_tree(api, others=700)
    for position in (1, 7):
        request = au.GetInclusionProofRequest(position=position)
        proof = await api.audit.GetInclusionProof(request)
        check_inclusion(
            leaf_hash(proof.stored_commit), position - 1, 707, hashes(proof.hashes), bytes.fromhex(proof.root)
        )
    tile = await api.audit.GetTreeTile(au.GetTreeTileRequest(level=1))
    tree = GrowingTree()
    tiles = tree.append(leaf_hash(b"another") for _ in range(512))
    assert len(tile.hashes) == len(tiles[HashTileId(1, 0)]) == 64
