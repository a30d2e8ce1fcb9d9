"""The tree over recorded reads, as the api returns it: in heads, in tiles, and proofs of batches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest

from kinolog.codec.reads.read_batches import decode_read_batch
from kinolog.merkle.hashes import leaf_hash
from kinolog.merkle.proofs import check_inclusion
from kinolog.merkle.witness import PublishedHead, Witness
from kinolog.v1 import audit_service_pb2 as au
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import RunningApi, refused, running_api
from tests.contract.test_read_log import BATCH

OTHER = (("x-kinolog-tenant", "other"),)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with three heads, of 0, 2 and 5 batches of reads; the second batch is of another tenant."""
    async with running_api() as running:
        for numbers in ((), (1, 2), (3, 4, 5)):
            await running.submit()
            for number in numbers:
                tenant = "other" if number == 2 else "default"
                await running.read_log.append(replace(BATCH, tenant=tenant, number=number))
            await grow_tree(running)
        yield running


async def test_heads_state_the_reads_and_continue_each_other(api: RunningApi) -> None:
    """From the first head, and from a later one."""
    for after in (0, 1, 2):
        heads = (await api.audit.ListTreeHeads(au.ListTreeHeadsRequest(after=after))).heads
        assert [head.reads.size for head in heads] == [0, 2, 5][after:]
        before = api.read_model.signed_heads[max(after - 1, 0)]
        seen = Witness.begin(PublishedHead(signed=before))
        for wire in heads:
            signed = api.read_model.signed_heads[wire.number - 1]
            proof = tuple(map(bytes.fromhex, wire.consistency))
            reads = tuple(map(bytes.fromhex, wire.reads.consistency)) if wire.HasField("reads") else None
            seen = seen.accept(PublishedHead(signed=signed, proof=proof, reads_proof=reads))
        assert seen.seen.signed.number == 3


async def test_tiles_of_the_reads(api: RunningApi) -> None:
    tile = await api.audit.GetTreeTile(au.GetTreeTileRequest(of_reads=True), metadata=OTHER)
    expected = b"".join(leaf_hash(each.raw) for each in api.read_log.batches)
    assert tile.hashes == expected
    problem = await refused(api.audit.GetTreeTile(au.GetTreeTileRequest(of_reads=True, index=1)))
    assert (problem.reason, "recorded reads" in problem.message) == ("TREE_TILE_NOT_FOUND", True)


async def test_a_batch_is_proved(api: RunningApi) -> None:
    """By the hashes beside its way to the root of the last head, with its bytes."""
    for number in (1, 3, 4, 5):
        proof = await api.audit.ProveReads(au.ProveReadsRequest(batch=number))
        assert decode_read_batch(proof.stored_batch).number == number
        reads = api.read_model.signed_heads[-1].head.reads
        assert reads is not None
        assert (proof.head.number, proof.head.reads.root) == (3, reads.root.hex())
        hashes = [bytes.fromhex(each) for each in proof.hashes]
        assert proof.leaf_hash == leaf_hash(proof.stored_batch).hex()
        check_inclusion(leaf_hash(proof.stored_batch), number - 1, reads.size, hashes, reads.root)


async def test_a_batch_of_another_tenant_does_not_exist(api: RunningApi) -> None:
    for number, metadata in ((2, None), (6, None), (1, OTHER)):
        call = api.audit.ProveReads(au.ProveReadsRequest(batch=number), metadata=metadata)
        problem = await refused(call)
        assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "READS_NOT_FOUND")
    assert (await api.audit.ProveReads(au.ProveReadsRequest(batch=2), metadata=OTHER)).batch == 2


async def test_a_batch_that_no_head_has_yet(api: RunningApi) -> None:
    await api.read_log.append(replace(BATCH, tenant="default", number=6))
    problem = await refused(api.audit.ProveReads(au.ProveReadsRequest(batch=6)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.OUT_OF_RANGE, "NOT_IN_TREE")
    api.read_model.signed_heads.clear()
    assert (await refused(api.audit.ProveReads(au.ProveReadsRequest(batch=1)))).reason == "NOT_IN_TREE"


async def test_a_batch_that_was_changed(api: RunningApi) -> None:
    changed = replace(api.read_log.batches[0], raw=api.read_log.batches[2].raw)
    api.read_log.batches[0] = changed
    problem = await refused(api.audit.ProveReads(au.ProveReadsRequest(batch=1)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.DATA_LOSS, "DATA_DAMAGED")
