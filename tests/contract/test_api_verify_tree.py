"""VerifyJob compares the commits of a job with the tree over all commits and its last signed head."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.signed_note import NoteKey
from tests.builders.commit_tree import KEY, grow_tree
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_api_verify import check_results


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


async def tree_check(api: RunningApi, job_id: str) -> tuple[bool, str]:
    """Return the result of the check of the tree."""
    return (await check_results(api, job_id))["tree"]


async def test_commits_are_proved_under_the_last_head(api: RunningApi) -> None:
    """Those of other jobs lie between. A commit after the head is counted."""
    job_id, other = await api.submit(), await api.submit()
    await api.complete(other)
    await grow_tree(api)
    signed = f"head 1, signed 2026-11-28 12:00:00 UTC by key {NoteKey.of(KEY).id[:16]}"
    assert await tree_check(api, job_id) == (True, f"1 commit under {signed}")
    await api.start_attempt(job_id)
    assert await tree_check(api, job_id) == (True, f"1 commit under {signed}; 1 not signed yet")


async def rewrite(api: RunningApi, position: int) -> None:
    """Put another actor into the commit at a position, with a hash that is right."""
    commit = decode_commit(position, api.store._log[position - 1]).commit
    other = replace(commit, command=replace(commit.command, actor="another"))
    api.store._log[position - 1] = encode_commit(other).raw


async def test_a_rewritten_commit_is_named(api: RunningApi) -> None:
    job_id = await api.submit()
    await grow_tree(api)
    await rewrite(api, 1)
    assert await tree_check(api, job_id) == (
        False,
        "position 1 is another commit than when it was added to the tree",
    )


async def test_a_tree_that_was_made_of_a_rewritten_history_lacks_what_was_signed(api: RunningApi) -> None:
    job_id = await api.submit()
    await grow_tree(api)
    await rewrite(api, 1)
    await grow_tree(api, sign=False)
    assert await tree_check(api, job_id) == (
        False,
        "position 1 is not in the tree whose head was signed 2026-11-28 12:00:00 UTC",
    )


async def test_a_head_that_was_changed_is_no_proof(api: RunningApi) -> None:
    job_id = await api.submit()
    await grow_tree(api)
    (signed,) = api.read_model.signed_heads
    note = signed.note.replace("2026-11-28", "2026-11-29")
    api.read_model.signed_heads = [replace(signed, note=note)]
    holds, detail = await tree_check(api, job_id)
    assert not holds
    assert detail.startswith("the signed head 1 of the tree was changed")


async def test_a_tree_with_missing_hashes_is_damaged(api: RunningApi) -> None:
    job_id = await api.submit()
    await grow_tree(api, others=300)
    del api.read_model.tree_tiles[HashTileId(0, 0)]
    assert await tree_check(api, job_id) == (
        False,
        "the tree over all commits is damaged: tile 0 of level 0 lacks the hashes from 0 to 0",
    )


async def test_a_tree_that_is_made_again_proves_nothing_yet(api: RunningApi) -> None:
    """A backup has the heads, and not the hashes: after its restore they are made again."""
    job_id = await api.submit()
    await grow_tree(api, others=300)
    del api.read_model.tree_tiles[HashTileId(0, 1)]
    assert await tree_check(api, job_id) == (
        True,
        "the tree over all commits is made again, and proves nothing until then",
    )
