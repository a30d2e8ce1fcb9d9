"""`kinolog erase` and `kinolog audit erasures`, against a real api over memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kinolog.merkle.erasure_certificate import SignedCertificate
from kinolog.v1 import job_service_pb2 as pb
from kinolog_cli.app import app
from kinolog_cli.erasures import certificate_file
from kinolog_cli.exit_codes import ExitCode
from tests.builders.commit_tree import KEY
from tests.builders.erasure_certificates import ERASURE, certify
from tests.builders.running_api import RunningApi, running_api
from tests.unit.gateway.conftest import running_gateway

Command = Callable[..., Coroutine[Any, Any, Result]]


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory."""
    async with running_api() as running:
        yield running


@pytest.fixture
async def kinolog(api: RunningApi) -> AsyncIterator[Command]:
    """`await kinolog("erase", JOB)`: run a command against a gateway of the api."""
    async with running_gateway(api.target) as gateway:

        async def run(*arguments: str, text: str | None = None) -> Result:
            whole = ["--url", gateway.url, *arguments]
            return await asyncio.to_thread(CliRunner().invoke, app, whole, text)

        yield run


def words(done: Result) -> str:
    """Return the output without line breaks."""
    return " ".join(done.output.split())


async def ended(api: RunningApi) -> str:
    """Return a job that was completed."""
    job_id = await api.submit()
    await api.complete(job_id)
    return job_id


async def erased(api: RunningApi) -> dict[str, str]:
    """Return the erasures of the erased jobs."""
    found = {}
    async for batch in api.store.read(0):
        for recorded in batch:
            for event in recorded.commit.events:
                if erasure_id := getattr(event, "erasure_id", ""):
                    found[recorded.commit.job_id] = erasure_id
    return found


async def test_a_tenant_is_erased(api: RunningApi, kinolog: Command) -> None:
    """After a dry run, which says what it would do. Jobs that have not ended stay, and are counted."""
    first, second, live = await ended(api), await ended(api), await api.submit()
    planned = await kinolog("erase", "--tenant", "default", "--dry-run")
    assert planned.exit_code == ExitCode.OK, planned.output
    assert "would erase the prompts and files of 2 jobs" in words(planned)
    assert "1 job has not ended and stays" in words(planned)
    assert await erased(api) == {}
    refused = await kinolog("erase", "--tenant", "default", text="n\n")
    assert refused.exit_code == ExitCode.CANCELLED
    assert await erased(api) == {}
    done = await kinolog("--json", "erase", "--tenant", "default", "--yes")
    assert done.exit_code == ExitCode.REFUSED, done.output
    said = json.loads(done.stdout)
    assert (said["erased"], said["not_ended"], said["refused"]) == (2, 1, 0)
    assert await erased(api) == dict.fromkeys((first, second), said["erasure_id"])
    await kinolog("cancel", live)
    again = await kinolog("erase", "--tenant", "default", "--yes", "--erasure", said["erasure_id"])
    assert again.exit_code == ExitCode.OK, again.output
    assert (await erased(api))[live] == said["erasure_id"]
    nothing = await kinolog("erase", "--tenant", "default")  # and asks nothing
    assert nothing.exit_code == ExitCode.OK, nothing.output
    assert "erased 0 jobs" in words(nothing)


async def test_only_jobs_of_an_age_are_erased(api: RunningApi, kinolog: Command) -> None:
    """The jobs of this api were submitted when its clock says, long ago by any other one."""
    api.clock.now = datetime(2020, 1, 1, tzinfo=UTC)
    job_id = await ended(api)
    young = await kinolog("--json", "erase", "--older-than", "9000d", "--dry-run")
    assert json.loads(young.stdout)["jobs"] == 0
    old = await kinolog("erase", "--older-than", "1s", "--yes")
    assert old.exit_code == ExitCode.OK, old.output
    assert (await erased(api)).keys() == {job_id}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "give a job, or --tenant or --older-than, not both"),
        (["a" * 26, "--tenant", "default"], "give a job, or --tenant or --older-than, not both"),
        (["--tenant", "other"], "your key is of tenant 'default', not 'other'"),
        (["--older-than", "soon"], "'soon' must be an age, such as 90d or 12h"),
        (["--older-than", "9999999d"], "is before all time"),
        (["--tenant", "default", "--certificate", "/nowhere/file"], "there is no folder /nowhere"),
        (["--tenant", "default", "--erasure", "No"], "--erasure: 'No' must be an id"),
    ],
)
async def test_what_cannot_be_meant_erases_nothing(
    api: RunningApi, kinolog: Command, options: list[str], complaint: str
) -> None:
    await ended(api)
    done = await kinolog("erase", *options, "--yes")
    assert done.exit_code == ExitCode.USAGE, done.output
    assert complaint in words(done)
    assert await erased(api) == {}


async def test_a_certificate_is_saved_and_checked_anywhere(
    api: RunningApi, kinolog: Command, tmp_path: Path
) -> None:
    """It names the job. A file that was changed does not hold, nor does one of another key."""
    job_id, file = await ended(api), tmp_path / "erased.jsonl"
    assert (await kinolog("erase", job_id, "--yes")).exit_code == ExitCode.OK
    await certify(api, job_id)
    done = await kinolog("erase", job_id, "--yes", "--certificate", str(file))
    assert done.exit_code == ExitCode.OK, done.output
    key = KEY.public_key().public_bytes_raw()
    (line,) = file.read_text(encoding="ascii").splitlines()
    assert (json.loads(line)["number"], bytes.fromhex(json.loads(line)["key"])) == (1, key)
    signed = api.read_model.certificates[0]
    for trusted in ([], ["--key", signed.key.id], ["--key", signed.key.verifier(signed.certificate.log)]):
        checked = offline("erasures", "--check", str(file), *trusted)
        assert checked.exit_code == ExitCode.OK, checked.output
        assert "certificate 1 holds: ann erased 1 job of tenant default" in words(checked)
    strange = offline("erasures", "--check", str(file), "--key", "another")
    assert strange.exit_code == ExitCode.FAILED
    assert "which you do not trust" in words(strange)
    file.write_text(line.replace(job_id, "a" * 26), encoding="ascii")
    changed = offline("erasures", "--check", str(file))
    assert changed.exit_code == ExitCode.FAILED
    assert "certificate 1 does not hold: the signature" in words(changed)
    for text, complaint in (("{}", "line 1: this is no certificate of erasure"), ("", "is empty")):
        file.write_text(text, encoding="ascii")
        broken = offline("erasures", "--check", str(file))
        assert broken.exit_code == ExitCode.USAGE
        assert complaint in words(broken)


async def test_an_erasure_that_goes_on_waits_for_the_certificate_of_its_last_job(
    api: RunningApi, kinolog: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its certificates of before name enough jobs, but not this one."""
    monkeypatch.setattr(certificate_file, "WAIT_SECONDS", -1.0)
    first, file = await ended(api), tmp_path / "erased.jsonl"
    erase = ("erase", "--tenant", "default", "--yes", "--erasure", ERASURE)
    assert (await kinolog(*erase)).exit_code == ExitCode.OK
    await certify(api, first)
    last = await ended(api)
    early = await kinolog(*erase, "--certificate", str(file))
    assert early.exit_code == ExitCode.FAILED, early.output
    assert "not all erased jobs are certified" in words(early)
    assert (await erased(api)) == dict.fromkeys((first, last), ERASURE)
    assert not file.exists()


def offline(*arguments: str) -> Result:
    """Run a command of `kinolog audit` without a service."""
    return CliRunner().invoke(app, ["--url", "http://127.0.0.1:9", "audit", *arguments])


async def test_certificates_are_listed_shown_and_saved(
    api: RunningApi, kinolog: Command, tmp_path: Path
) -> None:
    """The certificates of all erasures, of a job, or one by its number."""
    made = [await ended(api), await ended(api)]
    for job_id in made:
        await kinolog("erase", job_id, "--yes")
        await certify(api, job_id)
    listed = [json.loads(line) for line in (await kinolog("audit", "erasures", "--json")).stdout.splitlines()]
    assert [(one["number"], one["jobs"], one["actor"]) for one in listed] == [(1, 1, "ann"), (2, 1, "ann")]
    only = await kinolog("audit", "erasures", "--json", "--job", made[1])
    assert json.loads(only.stdout)["number"] == 2
    shown = await kinolog("audit", "erasures", "2")
    assert shown.exit_code == ExitCode.OK, shown.output
    assert f"{made[1]} erased at position" in words(shown)
    assert (await kinolog("audit", "erasures", "3")).exit_code == ExitCode.NOT_FOUND
    file = tmp_path / "all.jsonl"
    assert (await kinolog("audit", "erasures", "-o", str(file))).exit_code == ExitCode.OK
    assert len(file.read_text(encoding="ascii").splitlines()) == 2
    none = await kinolog("audit", "erasures", "--erasure", "f" * 26, "-o", str(tmp_path / "none"))
    assert none.exit_code == ExitCode.NOT_FOUND
    assert not (tmp_path / "none").exists()
    assert (await kinolog("audit", "erasures", "--key", "x")).exit_code == ExitCode.USAGE


async def test_a_changed_certificate_is_named_after_the_others(
    api: RunningApi, kinolog: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list has those that hold, and the exit code says that one does not."""
    for _ in range(2):
        job_id = await ended(api)
        await api.jobs.EraseJob(pb.EraseJobRequest(job_id=job_id))
        await certify(api, job_id)
    first, second = api.read_model.certificates
    wrong = replace(first, note=first.note.replace("kinolog", "kinolig"))

    async def changed(*_: object, after: int = 0, **__: object) -> list[SignedCertificate]:
        return [one for one in (wrong, second) if one.number > after]

    monkeypatch.setattr(api.read_model, "erasure_certificates", changed)
    done = await kinolog("audit", "erasures")
    assert done.exit_code == 1
    assert "the certificate 1 of an erasure was changed" in words(done)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["2"]
