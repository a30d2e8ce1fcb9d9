"""`kinolog audit head`, `prove`, `consistency` and `check-proof`, against a real api over memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinolog.merkle.tree_proofs import InclusionProofs, proof_of
from kinolog.merkle.witness import PublishedHead
from kinolog.ports.tree.commit_tree import HeadPlace
from kinolog_cli.app import app
from kinolog_cli.audit import verify_all
from kinolog_cli.exit_codes import ExitCode
from tests.builders.commit_tree import grow_tree
from tests.builders.running_api import RunningApi, running_api
from tests.contract.test_api_verify_tree import rewrite
from tests.unit.gateway.conftest import running_gateway

Audit = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


@pytest.fixture
async def audit(api: RunningApi) -> AsyncIterator[Audit]:
    """`await audit("head")`: run a command of `kinolog audit` against a gateway of the api."""
    async with running_gateway(api.target) as gateway:

        async def run(*arguments: str) -> Result:
            whole = ["--url", gateway.url, "audit", *arguments]
            return await asyncio.to_thread(CliRunner().invoke, app, whole)

        yield run


def offline(*arguments: str) -> Result:
    """Run a command of `kinolog audit` without a service."""
    return CliRunner().invoke(app, ["--url", "http://127.0.0.1:9", "audit", *arguments])


def output_of(done: Result) -> str:
    """Return the output without line breaks."""
    return " ".join(done.output.split())


async def proved(api: RunningApi, audit: Audit, tmp_path: Path) -> Path:
    """Return a file with the proof of a job of two commits, among others."""
    job_id = await api.submit()
    await api.submit()
    await api.start_attempt(job_id)
    await api.submit()
    await grow_tree(api)
    path = tmp_path / "proof.json"
    done = await audit("prove", job_id, "-o", str(path))
    assert done.exit_code == 0, done.output
    assert "2 commits under head 1: 4 commits of kinolog-log/" in output_of(done)
    return path


async def test_a_proof_is_checked_without_the_service(api: RunningApi, audit: Audit, tmp_path: Path) -> None:
    """It shows what the commits say. A copy of the heads, or the id of the key, makes it whole."""
    path = await proved(api, audit, tmp_path)
    done = offline("check-proof", str(path))
    assert done.exit_code == 0, done.output
    for text in ("Submitted", "AttemptStarted", "The proof holds.", "Compare it with a copy of heads.log"):
        assert text in output_of(done)
    signed = api.read_model.signed_heads[0]
    heads = tmp_path / "heads.log"
    heads.write_text(f"cut off\n{PublishedHead(signed=signed).line}\n", encoding="utf-8")
    facts = offline("check-proof", "--json", str(path), "--head", str(heads), "--key-id", signed.key.id)
    assert facts.exit_code == 0, facts.output
    found = json.loads(facts.stdout)
    assert (found["holds"], found["size"], found["key_ids"]) == (True, 4, [signed.key.id])
    assert [one["position"] for one in found["commits"]] == [1, 3]


async def test_what_was_changed_in_a_proof_is_found(api: RunningApi, audit: Audit, tmp_path: Path) -> None:
    """Each part of the file: the bytes, a position, a hash, the note, the job, and another signer."""
    path = await proved(api, audit, tmp_path)
    whole = json.loads(path.read_text("utf-8"))
    first = whole["commits"][0]
    changes: list[tuple[dict[str, Any], str]] = [
        ({"commits": [first | {"commit": first["commit"][:-4] + "AAAA"}]}, "position 1 is not proved"),
        ({"commits": [first | {"position": 2}]}, "position 2 is not proved"),
        ({"commits": [first | {"inclusion": first["inclusion"][::-1]}]}, "position 1 is not proved"),
        ({"commits": [first | {"job_id": "b" * 26}]}, "not " + "b" * 26),
        ({"head": whole["head"] | {"note": whole["head"]["note"].replace("\n4\n", "\n5\n")}}, "is wrong"),
    ]
    for change, reason in changes:
        path.write_text(json.dumps(whole | change), encoding="utf-8")
        done = offline("check-proof", str(path))
        assert done.exit_code == 1, done.output
        assert reason in output_of(done)
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert "not by other" in output_of(offline("check-proof", str(path), "--key-id", "other"))
    other = tmp_path / "heads.log"
    await api.submit()
    await grow_tree(api)
    signed = api.read_model.signed_heads[1]
    other.write_text(PublishedHead(signed=signed).line, encoding="utf-8")
    assert "has no head 1" in output_of(offline("check-proof", str(path), "--head", str(other)))
    other.write_text(
        PublishedHead(signed=signed).line.replace('"number": 2', '"number": 1'), encoding="utf-8"
    )
    found = offline("check-proof", str(path), "--head", str(other))
    assert found.exit_code == 1
    assert "head 1 is another one" in output_of(found)


async def test_files_that_are_no_proof(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    assert offline("check-proof", str(path)).exit_code == 2
    for text in (
        "",
        "[]",
        "{}",
        '{"format": "kinolog-inclusion/2"}',
        '{"format": "kinolog-inclusion/1"}',
        "[" * 9_999,
    ):
        path.write_text(text, encoding="utf-8")
        done = offline("check-proof", str(path))
        assert (done.exit_code, "this is no file of proofs" in output_of(done)) == (2, True), text
    path.write_bytes(b"\xff")
    assert offline("check-proof", str(path)).exit_code == 2


def test_everything_is_compared_by_the_program_of_the_projector(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its options. The files of heads are named in full."""
    called: list[Any] = []

    def run(*options: object) -> ExitCode:
        called.append(options)
        return ExitCode.FAILED

    monkeypatch.setattr(verify_all, "run_projector", run)
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "none"))
    copy = tmp_path / "heads.log"
    done = offline("verify-all", "--files", "hashes", "--heads", str(copy), "--json")
    assert done.exit_code == ExitCode.FAILED
    assert called == [("verify-all", None, True, "--files", "hashes", "--heads", str(copy))]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "heads.log").touch()
    offline("verify-all", "--data", str(folder))
    assert called[1:] == [("verify-all", folder, False, "--heads", str(folder / "heads.log"))]
    assert offline("verify-all", "--files", "all").exit_code == ExitCode.USAGE


async def test_a_head_and_a_position(api: RunningApi, audit: Audit) -> None:
    """Without a file the proof is printed."""
    none = await audit("head")
    assert none.exit_code == 3
    assert "no head is signed yet" in output_of(none)
    await api.submit()
    await api.submit()
    await grow_tree(api)
    at = datetime(2026, 11, 28, 12, tzinfo=UTC)
    api.read_model.places = [HeadPlace(name="s3://heads", number=1, sent_at=at, has_receipt=True)]
    assert "head 1 is at s3://heads since 2026-11-28 12:00:00 UTC, with a receipt" in output_of(
        await audit("head")
    )
    done = await audit("head", "--number", "1")
    assert "is at" not in done.stdout
    assert "head 1: 2 commits of kinolog-log/" in done.stdout
    assert api.read_model.signed_heads[0].head.root.hex() in done.stdout
    assert json.loads((await audit("head", "--json")).stdout)["size"] == 2
    proof = proof_of((await audit("prove", "2")).stdout)
    assert isinstance(proof, InclusionProofs)
    assert [one.position for one in proof.commits] == [2]
    assert (await audit("prove", "3")).exit_code == 3


async def test_one_tree_continues_another(api: RunningApi, audit: Audit, tmp_path: Path) -> None:
    path = tmp_path / "consistency.json"
    for _ in range(3):
        await api.submit()
        await grow_tree(api)
    done = await audit("consistency", "1", "3", "-o", str(path))
    assert done.exit_code == 0, done.output
    checked = offline("check-proof", str(path))
    assert checked.exit_code == 0, checked.output
    assert "head 3: 3 commits" in output_of(checked)
    whole = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(whole | {"hashes": whole["hashes"][1:]}), encoding="utf-8")
    assert offline("check-proof", str(path)).exit_code == 1
    assert (await audit("consistency", "2")).exit_code == 0
    await grow_tree(api, others=2)
    unsigned = await audit("consistency", "4")
    assert unsigned.exit_code == 2
    assert "no head of 4 commits is signed" in output_of(unsigned)


async def test_no_proof_of_a_changed_history_is_written(
    api: RunningApi, audit: Audit, tmp_path: Path
) -> None:
    job_id = await api.submit()
    await grow_tree(api)
    await rewrite(api, 1)
    done = await audit("prove", job_id, "-o", str(tmp_path / "proof.json"))
    assert done.exit_code != 0
    assert "position 1 is another commit" in output_of(done)
    await grow_tree(api, sign=False)  # the tree is made again, but the head is that of before
    done = await audit("prove", job_id, "-o", str(tmp_path / "proof.json"))
    assert done.exit_code == 1
    assert "history was changed" in output_of(done)
    assert not (tmp_path / "proof.json").exists()
