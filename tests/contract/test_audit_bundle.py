"""Bundles from the real api over memory, which both verifiers accept, and those that cannot be made."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from kinolog.bundle import contents
from kinolog.bundle.contents import BundleManifest
from kinolog.bundle.verification import TrustedHeads
from kinolog.merkle.signed_note import NoteKey
from kinolog.merkle.witness import PublishedHead
from kinolog.v1 import export_service_pb2 as ex
from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.app import app
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import AsyncKinologClient, CommitSelection
from tests.builders.audit_bundles import (
    SECOND,
    VIDEO,
    audited_api,
    both_refuse,
    bundle,
    first,
    second,
    unpacked,
    whole,
)
from tests.builders.commit_tree import KEY, grow_tree
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.unit.gateway.conftest import running_gateway


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory with signed heads."""
    async with audited_api() as running:
        yield running


async def test_both_verifiers_accept_a_bundle(api: RunningApi) -> None:
    """They say what is proved: the log, the commits, files and texts; and what is not."""
    archive = await whole(api)
    report = first(archive)
    assert [sentence.partition(":")[0] for sentence in report.proved] == [
        "archive",
        "heads",
        "commits",
        "chain",
        "files",
        "texts",
    ]
    assert "9 commits of 3 jobs, at positions 1 to 9" in report.proved[2]
    assert report.unproved[0].startswith("whose key signed it: kinolog-log/")
    assert {text for texts in report.texts.values() for text in texts.values()} == {PROMPT}
    said = second(archive)
    assert any("commits 9, jobs 3" in sentence for sentence in said)
    _, commits = SECOND.verify(io.BytesIO(archive))
    assert commits.texts == report.texts
    with zipfile.ZipFile(io.BytesIO(archive)) as ordinary:
        assert ordinary.testzip() is None
        assert ordinary.read("verify.py") == contents.package_file("verify.py")
        assert VIDEO in [ordinary.read(name) for name in ordinary.namelist()]


async def test_what_a_bundle_has(api: RunningApi) -> None:
    """Of a job, of a tenant, of an actor, of a range: what is left out is said, prompts are sealed without keys."""
    recorded = [one async for batch in api.store.read(0) for one in batch]
    job_id = recorded[6].commit.job_id
    for selection, positions, unproved in (
        ({"job_id": job_id}, [7, 8, 9], "that nothing else matches"),
        ({}, [1, 2, 3, 7, 8, 9], "that nothing else matches"),
        ({"actor": "w1"}, [2, 3, 8, 9], "what 2 jobs did before"),
        (
            {"first_position": 2, "last_position": 7, "tenant": "*"},
            [2, 3, 4, 5, 6, 7],
            "what 1 job did before",
        ),
    ):
        archive = await bundle(api, **selection)
        assert PROMPT.encode() not in archive
        report = first(archive)
        lines = unpacked(archive)[contents.COMMITS].splitlines()
        assert [json.loads(line)["position"] for line in lines] == positions
        assert any(sentence.startswith(unproved) for sentence in report.unproved), report.unproved
        second(archive)
    ranged = first(await bundle(api, tenant="*"))
    assert not any("nothing else matches" in sentence for sentence in ranged.unproved)


async def test_trust_in_a_key_or_in_heads(api: RunningApi, tmp_path: Path) -> None:
    """A key and heads from elsewhere are compared; one of a rewritten history contradicts the bundle."""
    archive = await bundle(api)
    origin = BundleManifest.of(unpacked(archive)[contents.MANIFEST].decode()).log
    key, other = NoteKey.of(KEY), NoteKey.of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    for known in (key.id, key.verifier(origin)):
        report = first(archive, TrustedHeads(key=known))
        assert any(sentence.startswith("trust: head") for sentence in report.proved)
        assert not any("whose key" in sentence for sentence in report.unproved)
        assert second(archive, key=known)[1].startswith("proved")
    for wrong in (other.id, other.verifier(origin), "nonsense"):
        assert "key that you trust" in both_refuse(archive, TrustedHeads(key=wrong), key=wrong)[0]
    heads = [PublishedHead(signed=signed) for signed in api.read_model.signed_heads]
    file = tmp_path / "heads.log"
    file.write_text(heads[-1].line + "\n", encoding="utf-8")
    assert any("one that you have" in each for each in first(archive, TrustedHeads(heads=heads)).proved)
    assert second(archive, known=file.read_text("utf-8"))[1].startswith("proved")
    middle = PublishedHead(signed=api.read_model.signed_heads[0])
    file.write_text(middle.line + "\n", encoding="utf-8")
    of_job = await bundle(api, first_position=7)
    reasons = both_refuse(of_job, TrustedHeads(heads=[middle]), known=file.read_text("utf-8"))
    assert "none of your heads" in reasons[0]
    continued = await bundle(api, first_position=7, earlier_sizes=[middle.signed.head.size])
    assert any("one that you have" in each for each in first(continued, TrustedHeads(heads=[middle])).proved)
    assert second(continued, known=file.read_text("utf-8"))[1].startswith("proved")


async def test_a_rewritten_history_contradicts_the_heads_of_an_auditor(
    api: RunningApi, tmp_path: Path
) -> None:
    """An administrator with the key rewrites history and signs again: a bundle is valid until an old head meets it."""
    before = [PublishedHead(signed=signed) for signed in api.read_model.signed_heads]
    async with running_api() as rewritten:
        for number in range(3):
            await rewritten.complete(await rewritten.submit(f"another {number}", seed=1), VIDEO)
        rewritten.store._log[0] = api.store._log[0]  # the log keeps its name
        await grow_tree(rewritten)
        archive = await bundle(rewritten, first_position=4, tenant="*")
    first(archive)
    file = tmp_path / "heads.log"
    file.write_text("".join(f"{each.line}\n" for each in before), encoding="utf-8")
    reasons = both_refuse(archive, TrustedHeads(heads=before), known=file.read_text("utf-8"))
    assert "history was rewritten" in reasons[0]
    assert "history was rewritten" in reasons[1]


async def test_what_cannot_be_proved_is_refused(api: RunningApi) -> None:
    """Commits that are not signed yet, nothing at all, heads of another log; erased texts and files are left out."""
    recorded = [one async for batch in api.store.read(0) for one in batch]
    late, theirs = await api.submit("late"), recorded[3].commit.job_id
    for selection, reason in (
        ({"job_id": late}, "NOT_SIGNED_YET"),
        ({"last_position": 10}, "NOT_SIGNED_YET"),
        ({"actor": "nobody"}, "NOTHING_SELECTED"),
        ({"job_id": "z" * 26}, "JOB_NOT_FOUND"),
        ({"job_id": theirs}, "JOB_NOT_FOUND"),
    ):
        request = ex.ExportBundleRequest(selection=ex.CommitSelection(**selection))
        assert (await refused(api.method("ExportBundle")(request))).reason == reason
    request = ex.ExportBundleRequest(earlier_sizes=[4])
    problem = await refused(api.method("ExportBundle")(request))
    assert (problem.code, list(problem.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, ["earlier_sizes"])
    assert first(await bundle(api)).manifest.selection.last_position == 9
    erased = recorded[0].commit.job_id
    key_id = await api.key_id(erased)
    key = await api.keys.get(key_id)
    await api.jobs.EraseJob(pb.EraseJobRequest(job_id=erased))
    api.keys._keys[key_id] = key  # as while the files cannot be deleted
    archive = await bundle(api, files=True, keys=True)
    report = first(archive)
    assert erased not in report.texts
    assert "the texts of 1 job, whose key the bundle lacks" in report.unproved
    second(archive)
    async with running_api() as unsigned:
        await unsigned.submit()
        assert (
            await refused(unsigned.method("ExportBundle")(ex.ExportBundleRequest()))
        ).reason == "NO_TREE_HEAD"


async def test_the_certificate_of_a_signed_video_is_beside_it(api: RunningApi) -> None:
    """It is found in the video by the hash that the commit names; a video without it has it missing."""
    certificate = b"\x30\x82\x01\x00" + bytes(range(256))
    signed_by = sha256(certificate).hexdigest()
    for content in (b"\x30\x82" * 99 + certificate + b"frames", b"the certificate was cut out"):
        job = await api.submit("signed")
        artifact = replace(await api.stored(job, content), signed_by=signed_by)
        await api.complete_with(job, artifact)
        await grow_tree(api)
        archive = await bundle(api, files=True, job_id=job)
        found = unpacked(archive).get(f"files/{signed_by}.der")
        missing = first(archive).manifest.missing_files
        assert (found, missing) == ((certificate, ()) if certificate in content else (None, (signed_by,)))
        second(archive)


async def test_the_second_verifier_stands_alone(api: RunningApi, tmp_path: Path) -> None:
    """A short file of the standard library and cryptography, as it is in the bundle; it runs without kinolog."""
    archive, place = await whole(api), tmp_path / "bundle.zip"
    place.write_bytes(archive)
    text = contents.package_file(contents.VERIFIER).decode()
    assert len(text.splitlines()) < 300
    assert "import kinolog" not in text
    assert "from kinolog" not in text
    script = tmp_path / "verify.py"
    script.write_text(text, encoding="utf-8")
    blocked = (
        "import sys, runpy; sys.modules.update(dict.fromkeys(['kinolog', 'google.protobuf', 'nats', 'httpx']));"
        f"sys.argv = ['verify.py', *sys.argv[1:]]; runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    command = [sys.executable, "-I", "-c", blocked, str(place)]
    found = await asyncio.to_thread(run, command)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith(f"VALID {place}\n")
    (tmp_path / "none").touch()
    for trusted in (
        ["--key", ""],
        ["--head", ""],
        ["--head", str(tmp_path / "none")],
    ):  # as of an unset variable
        assert (await asyncio.to_thread(run, [*command, *trusted])).returncode == 1
    refused_key = await asyncio.to_thread(
        CliRunner().invoke, app, ["audit", "verify", str(place), "--key", ""]
    )
    assert (refused_key.exit_code, "--key is empty" in refused_key.output) == (2, True)
    place.write_bytes(archive[:-1])
    found = await asyncio.to_thread(run, command)
    assert (found.returncode, found.stderr) == (1, "")
    assert found.stdout.startswith(f"INVALID {place}: archive: ")


async def test_the_commands_make_and_check_a_bundle(
    api: RunningApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over REST and both clients; the check needs no service, names what fails, and ends with 1 then."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))
    job = (await anext(api.store.read(0)))[0].commit.job_id
    heads, place = tmp_path / "witness.json", tmp_path / "bundle.zip"
    heads.write_text(PublishedHead(signed=api.read_model.signed_heads[0]).line + "\n", encoding="utf-8")

    async def run(*arguments: str, url: str = "http://127.0.0.1:9") -> Result:
        whole = ["--url", url, "audit", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, whole, env={"COLUMNS": "200"})

    async with running_gateway(api.target) as gateway:
        made = ["bundle", job, "--with-files", "--with-prompts", "--head", str(heads), "-o", str(place)]
        done = await run(*made, url=gateway.url)
        assert (done.exit_code, done.stdout) == (ExitCode.OK, f"saved as {place}\n")
        assert "whoever has it can read what its jobs sealed" in done.stderr
        late = await api.submit("late")
        refused_call = await run("bundle", late, "-o", str(tmp_path / "late.zip"), url=gateway.url)
        assert refused_call.exit_code == ExitCode.REFUSED
        assert "is not under a signed head yet" in refused_call.stderr
        wrong = await gateway.client.get("/api/v1/audit/bundle", params={"earlier_size": "0"})
        assert wrong.status_code == 400
        async with AsyncKinologClient(gateway.url) as client:
            other = await client.audit_bundle(tmp_path / "other.zip", CommitSelection(actor="w1"))
        assert first(other.read_bytes()).manifest.selection.actor == "w1"
    checked = await run("verify", str(place), "--head", str(heads), "--texts")
    assert checked.exit_code == ExitCode.OK, checked.stdout
    assert "✔ trust: head 1 is one that you have" in checked.stdout
    assert f"{job} prompt: {PROMPT}" in checked.stdout
    facts = json.loads((await run("verify", str(place), "--json", "--texts")).stdout)
    assert facts["valid"] is True
    assert facts["texts"][job]["prompt"] == PROMPT
    changed = bytearray(place.read_bytes())
    changed[200] ^= 1
    place.write_bytes(changed)
    checked = await run("verify", str(place))
    assert checked.exit_code == ExitCode.FAILED
    assert "is INVALID: archive: commits.jsonl was changed" in checked.stdout
    facts = json.loads((await run("verify", str(place), "--json")).stdout)
    assert (facts["valid"], "commits.jsonl" in facts["failure"]) == (False, True)
    missing = await run("verify", str(tmp_path / "none.zip"))
    assert (missing.exit_code, "cannot read" in missing.stderr) == (ExitCode.USAGE, True)


async def test_the_first_verifier_needs_no_server_and_no_network(api: RunningApi, tmp_path: Path) -> None:
    """Of kinolog's extras nothing is imported, and no connection is made."""
    place = tmp_path / "bundle.zip"
    place.write_bytes(await whole(api))
    extras = [
        "torch",
        "grpc",
        "sqlalchemy",
        "psycopg",
        "psutil",
        "av",
        "numpy",
        "PIL",
        "textual",
        "fastapi",
        "c2pa",
    ]
    script = (
        f"import sys, socket; sys.modules.update(dict.fromkeys({extras!r}));"
        "socket.socket.connect = socket.getaddrinfo = None;"
        "sys.argv = ['kinolog', 'audit', 'verify', *sys.argv[1:]]; from kinolog_cli.app import main; main()"
    )
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    found = await asyncio.to_thread(run, [sys.executable, "-c", script, str(place)])
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith(f"{place} is valid\n")
