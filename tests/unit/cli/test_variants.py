"""`kinolog generate --variants`."""

from __future__ import annotations

from kinolog_cli.exit_codes import ExitCode
from tests.unit.cli.conftest import Kinolog
from tests.unit.gateway.recording_api import RecordingApi


async def test_each_job_is_printed(kinolog: Kinolog, api: RecordingApi) -> None:
    """A line for each. They are not watched: the error says so."""
    done = await kinolog("generate", "a fox", "--variants", "3")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [f"job {job_id} is queued" for job_id in api.jobs]
    assert [request.variants for request in api.requests("SubmitJob")] == [3]
    refused = await kinolog("generate", "a fox", "--variants", "2", "--watch")
    assert (refused.exit_code, "does not wait" in refused.stderr) == (ExitCode.USAGE, True)
    assert len(api.requests("SubmitJob")) == 1


async def test_a_variant_says_whose_it_is(kinolog: Kinolog, api: RecordingApi) -> None:
    first = api.add_job()
    job = api.add_job(variant_of=first.id, variant=2)
    assert f"2 of job {first.id}" in (await kinolog("show", job.id)).stdout
    assert "variant" not in (await kinolog("show", first.id)).stdout
