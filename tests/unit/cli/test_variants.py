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


async def test_a_plan_counts_all_of_them(kinolog: Kinolog) -> None:
    """It says how many jobs there will be, their seeds, and what they cost and take together."""
    planned = " ".join(
        (await kinolog("generate", "a fox", "--plan", "--variants", "4", "--seed", "42")).stdout.split()
    )
    for fact in (
        "variants 4 jobs",
        "seeds 42 to 45",
        "about 50.0 s of work, 12.5 s each",
        "cost 44, 11 each",
    ):
        assert fact in planned
    drawn = " ".join((await kinolog("generate", "a fox", "--plan", "--variants", "2")).stdout.split())
    assert "seeds drawn when it is submitted; each further one has the next seed" in drawn


async def test_a_group_is_selected_by_any_of_its_jobs(kinolog: Kinolog, api: RecordingApi) -> None:
    """Lists and bulk commands take the id of any variant, or its beginning. A single job is no group."""
    first = api.add_job()
    job = api.add_job(variant_of=first.id, variant=2)
    for arguments, method in ((["jobs"], "ListJobs"), (["bulk", "pause", "--yes"], "BulkPauseJobs")):
        done = await kinolog(*arguments, "--variant-of", job.id)
        assert done.exit_code == 0, done.output
        request = api.requests(method)[-1]
        sent = request.filter if method == "ListJobs" else request.selection.filter
        assert sent.variant_of == first.id
    refused = await kinolog("jobs", "--variant-of", first.id)
    assert (refused.exit_code, "is a single job" in refused.stderr) == (ExitCode.USAGE, True)


async def test_a_variant_says_whose_it_is(kinolog: Kinolog, api: RecordingApi) -> None:
    first = api.add_job()
    job = api.add_job(variant_of=first.id, variant=2)
    assert f"2 of job {first.id}" in (await kinolog("show", job.id)).stdout
    assert "variant" not in (await kinolog("show", first.id)).stdout
