"""`kinolog audit reads --check`, and a witness that follows the recorded reads of a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from typer.testing import CliRunner, Result

from kinolog.codec.reads.read_batches import encode_read_batch
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.reads.read import ReadKind, RecordedReadBatch
from kinolog_cli.app import app
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_read_log import BATCH, READ
from tests.unit.cli.test_followed_gateway import Look, gateway, look, output_of, state
from tests.unit.gateway.conftest import RunningGateway

__all__ = ["gateway", "look", "state"]  # fixtures


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with three batches of reads, all in a signed head."""
    async with running_api() as running:
        await running.submit()
        await record(running, 3)
        await grow_tree(running)
        yield running


async def record(api: RunningApi, count: int) -> None:
    """Record batches of reads."""
    first = len(api.read_log.batches) + 1
    for number in range(first, first + count):
        other = replace(READ, facts=replace(READ.facts, kind=ReadKind.TEXT, actor="bob"))
        await api.read_log.append(replace(BATCH, tenant="default", number=number, reads=(READ, other)))


def change(api: RunningApi, index: int) -> None:
    """Let an administrator change who read something, in a stored batch."""
    batch = api.read_log.batches[index]
    reads = (replace(READ, facts=replace(READ.facts, actor="eve")), *batch.batch.reads[1:])
    changed = replace(batch.batch, reads=reads)
    api.read_log.batches[index] = RecordedReadBatch(
        position=batch.position, batch=changed, raw=encode_read_batch(changed)
    )


async def reads(gateway: RunningGateway, *options: str) -> Result:
    """Run the command."""
    whole = ["--url", gateway.url, "audit", "reads", "--check", *options]
    return await asyncio.to_thread(CliRunner().invoke, app, whole)


async def test_each_read_is_proved(api: RunningApi, gateway: RunningGateway) -> None:
    """Those that no head has yet are counted."""
    done = await reads(gateway)
    assert (done.exit_code, done.stdout.count("studio") + done.stdout.count("ada")) == (0, 3)
    assert "3 batches proved under head 1" in done.stderr
    await record(api, 1)
    done = await reads(gateway, "--json")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 8)
    assert "3 batches proved under head 1; 1 batch not signed yet" in done.stderr


async def test_a_read_that_was_changed(api: RunningApi, gateway: RunningGateway) -> None:
    """The batch is another one than the tree has."""
    change(api, 1)
    done = await reads(gateway)
    assert done.exit_code != 0
    assert "batch 2 of recorded reads is another one" in " ".join(done.output.split())


async def test_a_record_that_shows_other_reads_than_the_batch(
    api: RunningApi, gateway: RunningGateway
) -> None:
    """The bytes are those that were signed. What questions find is another read."""
    stored = api.read_log.batches[1]
    change(api, 1)
    api.read_log.batches[1] = replace(api.read_log.batches[1], raw=stored.raw)
    done = await reads(gateway)
    assert done.exit_code == 1
    assert "batch 2 of the recorded reads is not proved: it has other reads" in " ".join(done.output.split())


async def test_a_witness_names_the_batch(api: RunningApi, look: Look, state: object) -> None:
    """Of a record that was changed and signed again with the key, and of one that is not signed again."""
    assert (await look()).exit_code == 0
    await record(api, 2)
    await grow_tree(api)
    assert (await look()).exit_code == 0
    leaves = state.with_name("witness.json.read-leaves")  # type: ignore[attr-defined]
    assert leaves.stat().st_size == 5 * HASH_BYTES
    change(api, 3)
    await grow_tree(api, sign=False)
    named = "The first batch of recorded reads that differs from 5 batches seen before is number 4"
    done = await look()
    assert (done.exit_code, named in output_of(done)) == (1, True)
    await grow_tree(api)
    done = await look()
    assert (done.exit_code, named in output_of(done)) == (1, True)
    assert "head 3 contradicts the head before it" in output_of(done)


async def test_a_witness_waits_for_hashes_that_are_not_there(api: RunningApi, look: Look) -> None:
    assert (await look()).exit_code == 0
    api.read_model.tiles_of_reads.clear()
    done = await look()
    assert (done.exit_code, "lacks batch 1 of 3 batches of reads" in output_of(done)) == (5, True)
