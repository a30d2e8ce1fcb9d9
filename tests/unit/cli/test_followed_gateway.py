"""`kinolog audit witness` follows the tree of a gateway, and names the commit that was changed."""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinolog.merkle.hash_tiles import HashTileId
from kinolog.merkle.hashes import HASH_BYTES
from kinolog.merkle.signed_note import signed_note
from kinolog.merkle.witness import HistoryRewritten
from kinolog_cli.app import app
from kinolog_cli.audit.followed.followed_tree import FollowedTree
from kinolog_cli.audit.witness import follow_gateway
from kinolog_cli.context import current_context, set_context
from kinolog_client import GatewayError, KinologClient, TreeTileInfo
from tests.builders.commit_tree import KEY, grow_tree
from tests.builders.running_api import RunningApi, running_api
from tests.builders.webhook_receiver import webhook_receiver
from tests.contract.test_api_verify_tree import rewrite
from tests.unit.gateway.conftest import RunningGateway, running_gateway

Look = Callable[..., Awaitable[Result]]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory, with a signed head of three commits."""
    async with running_api() as running:
        for _ in range(3):
            await running.submit()
        await grow_tree(running)
        yield running


@pytest.fixture
async def gateway(api: RunningApi) -> AsyncIterator[RunningGateway]:
    """A gateway before it."""
    async with running_gateway(api.target) as running:
        yield running


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The file of the witness."""
    return tmp_path / "witness.json"


@pytest.fixture
def look(gateway: RunningGateway, state: Path) -> Look:
    """`await look()`: let the witness follow the gateway once."""

    async def run(*options: str) -> Result:
        whole = ["audit", "witness", "--url", gateway.url, "--state", str(state), *options]
        return await asyncio.to_thread(CliRunner().invoke, app, whole)

    return run


def output_of(done: Result) -> str:
    """Return the output without line breaks."""
    return " ".join(done.output.split())


def text_of(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text("utf-8")


def write(path: Path, text: str) -> None:
    """Write a file."""
    path.write_text(text, encoding="utf-8")


async def grow(api: RunningApi, commits: int = 1) -> None:
    """Add commits, and sign a head."""
    for _ in range(commits):
        await api.submit()
    await grow_tree(api)


async def lose_tiles(api: RunningApi) -> None:
    """Take the hashes away, as when the tree is made again."""
    api.read_model.tree_tiles = {}


async def change_history(api: RunningApi) -> None:
    """Change a commit, and sign a head of the other history."""
    await rewrite(api, 2)
    await grow(api)


async def test_a_tree_that_grows_is_accepted(api: RunningApi, look: Look, state: Path) -> None:
    """The hashes of all commits are stored beside the head. A file that lacks them is filled."""
    assert (await look()).exit_code == 0
    await grow(api, 2)
    await grow(api)
    done = await look()
    assert done.exit_code == 0, done.output
    assert "Nothing was changed up to head 3: 6 commits of kinolog-log/" in output_of(done)
    leaves = state.with_name("witness.json.leaves")
    assert leaves.stat().st_size == 6 * HASH_BYTES
    leaves.unlink()
    assert (await look()).exit_code == 0
    assert leaves.stat().st_size == 6 * HASH_BYTES
    assert json.loads((await look("--json")).stdout)["size"] == 6


async def test_a_commit_that_was_changed_with_the_key_is_named(
    api: RunningApi, look: Look, state: Path
) -> None:
    """The tree is made again and another head is signed: both heads are kept."""
    await look()
    before = text_of(state)
    await rewrite(api, 2)
    await grow(api)
    for _ in range(2):
        done = await look()
        assert done.exit_code == 1
        assert "head 2 contradicts head 1" in output_of(done)
        assert "The first commit that differs from 3 commits seen before is at position 2" in output_of(done)
    assert text_of(state) == before
    kept = json.loads(text_of(state.with_name("witness.json.contradiction-2")))
    assert kept["seen"]["note"] == api.read_model.signed_heads[0].note
    assert kept["other"]["note"] == api.read_model.signed_heads[1].note


async def test_heads_that_were_signed_again_contradict(api: RunningApi, look: Look) -> None:
    """All heads are replaced by those of the other history: two heads of one size have different roots."""
    await look()
    await rewrite(api, 3)
    api.read_model.signed_heads.clear()
    await grow_tree(api)
    done = await look()
    assert done.exit_code == 1
    assert "head 1 is another one than that which was seen before" in output_of(done)
    assert "is at position 3" in output_of(done)


async def test_a_tree_that_was_made_again_without_the_key_is_found(api: RunningApi, look: Look) -> None:
    """No head is signed, but the hashes that are served are others."""
    await look()
    await rewrite(api, 1)
    await grow_tree(api, sign=False)
    done = await look()
    assert done.exit_code == 1
    assert "is at position 1" in output_of(done)


async def test_heads_that_were_taken_back(api: RunningApi, look: Look) -> None:
    await grow(api)
    await look()
    api.read_model.signed_heads.pop()
    done = await look()
    assert done.exit_code == 1
    assert "head 2, which was seen before, is missing: heads were taken back" in output_of(done)


async def test_a_head_that_the_tree_is_not_of(api: RunningApi, look: Look) -> None:
    """Its signature is right, but the hashes of the tree are not those that it states."""
    head = replace(api.read_model.signed_heads[0].head, root=bytes(32))
    note = signed_note(head.text, head.origin, [KEY])
    api.read_model.signed_heads[0] = replace(api.read_model.signed_heads[0], note=note)
    done = await look()
    assert done.exit_code == 1
    assert "the hashes of the tree are not those of head 1" in output_of(done)


async def test_a_complaint_is_sent_and_run(api: RunningApi, look: Look, tmp_path: Path) -> None:
    """To an address and to a command, as JSON. What does not work is said beside it."""
    await look()
    await rewrite(api, 2)
    await grow(api)
    written = tmp_path / "complaint"
    code = f"import sys; open({str(written)!r}, 'w').write(sys.stdin.read())"
    async with webhook_receiver() as receiver:
        done = await look("--webhook", receiver.address(), "--run", shlex.join([sys.executable, "-c", code]))
        assert done.exit_code == 1
        told = receiver.messages()
    told.append(json.loads(text_of(written)))
    for complaint in told:
        assert complaint["type"] == "history_rewritten"
        assert "is at position 2" in complaint["text"]
    assert len(told) == 2
    done = await look("--webhook", "http://127.0.0.1:9/", "--run", "/none")
    assert done.exit_code == 1
    assert "the complaint could not be sent" in output_of(done)
    assert "the command for complaints failed" in output_of(done)


async def test_a_gateway_is_asked_again(api: RunningApi, gateway: RunningGateway, state: Path) -> None:
    """One witness takes several looks, and goes on with what it has."""
    tree = FollowedTree(state)
    with KinologClient(gateway.url) as client:
        for size in (3, 4, 5):
            seen = await asyncio.to_thread(tree.look, client)
            assert seen is not None
            assert seen.seen.signed.head.size == size
            await grow(api)
    assert state.with_name("witness.json.leaves").stat().st_size == 5 * HASH_BYTES


async def test_a_gateway_is_followed_without_end(
    api: RunningApi, gateway: RunningGateway, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New heads are shown. One that is away is asked again, and a contradiction ends it."""
    loop, pauses = asyncio.get_running_loop(), list[float]()
    tree, served = FollowedTree(state), gateway.client.base_url

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        changes = (grow, lose_tiles, grow, change_history)
        asyncio.run_coroutine_threadsafe(changes[len(pauses) - 1](api), loop).result()

    def follow() -> None:
        set_context(url=str(served), api_key=None, as_json=False)
        follow_gateway(current_context(False), None, tree, 7.0, wait)

    with pytest.raises(HistoryRewritten, match="is at position 2"):
        await asyncio.to_thread(follow)
    assert pauses == [7.0] * 4
    output = capsys.readouterr()
    shown = " ".join(output.out.split())
    assert [f"up to head {number}" in shown for number in range(1, 5)] == [True, True, True, False]
    assert "It is asked again in 7 s" in " ".join(output.err.split())


async def test_a_tree_that_is_made_again_is_no_rewrite(api: RunningApi, look: Look) -> None:
    """As after a restore: its hashes come back little by little. What is missing is said, and is no contradiction."""
    await look()
    tiles, api.read_model.tree_tiles = api.read_model.tree_tiles, {HashTileId(0, 0): bytes(0)}
    done = await look()
    assert done.exit_code == 5
    assert "the hashes of 0 commits only, but signed 3 commits" in output_of(done)
    api.read_model.tree_tiles = {HashTileId(0, 0): tiles[HashTileId(0, 0)][: 2 * HASH_BYTES]}
    assert "the hashes of 2 commits only" in output_of(await look())
    api.read_model.tree_tiles = {HashTileId(0, 0): bytes(HASH_BYTES)}
    assert "is at position 1" in output_of(await look())
    api.read_model.tree_tiles = tiles
    assert (await look()).exit_code == 0


async def test_whoever_rewrote_history_cannot_keep_the_complaint_back(
    api: RunningApi, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contradiction is said also if the gateway does not serve the hashes that would name the commit."""
    await look()
    await rewrite(api, 2)
    await grow(api)

    def away(client: KinologClient, level: int, tile: int, of: str = "commits") -> TreeTileInfo:
        raise GatewayError("it is away")

    monkeypatch.setattr(KinologClient, "tree_tile", away)
    done = await look()
    assert done.exit_code == 1
    assert "head 2 contradicts head 1" in output_of(done)


async def test_hashes_that_are_not_there_yet_are_no_rewrite(
    api: RunningApi, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head is new, but the tiles that are served lack its end. The head is accepted when they have it."""
    await look()
    await grow(api, 2)
    served = KinologClient.tree_tile

    def short(client: KinologClient, level: int, tile: int, of: str = "commits") -> TreeTileInfo:
        info = served(client, level, tile)
        hashes = base64.b64decode(info.hashes)[: 4 * HASH_BYTES]
        return info.model_copy(update={"hashes": base64.b64encode(hashes).decode()})

    with monkeypatch.context() as changed:
        changed.setattr(KinologClient, "tree_tile", short)
        done = await look()
    assert done.exit_code == 5
    assert "the hashes of 4 commits only, but signed 5 commits" in output_of(done)
    assert (await look()).exit_code == 0


async def test_what_a_witness_cannot_follow(look: Look, state: Path) -> None:
    write(state, "nothing")
    assert "this is no head of a tree" in output_of(await look())
    assert CliRunner().invoke(app, ["audit", "witness", "file", "--every", "5"]).exit_code == 2
    away = ["audit", "witness", "--url", "http://127.0.0.1:9", "--state", f"{state}.other"]
    assert CliRunner().invoke(app, away).exit_code == 5
