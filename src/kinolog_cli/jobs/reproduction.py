"""`kinolog reproduce`: render completed jobs again, and say whether they came out the same."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from kinolog.counts import counted
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.jobs.job_ids import job_id
from kinolog_cli.jobs.reproduced_sample import SampledJob, drift, ended, render_again, sampled_jobs
from kinolog_cli.jobs.selection_options import span_since
from kinolog_cli.jobs.watch import going_on, watch_job
from kinolog_cli.output.columns import print_details
from kinolog_client import JobInfo, KinologClient


@command
def reproduce(
    job: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Id of the job, or its beginning.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Instead of one job, a sample of those submitted since this time."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, max=100, help="With --since: the most jobs of each model.")
    ] = 3,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="With --since: only this model; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the comparison.")] = True,
    priority: Annotated[
        str, typer.Option(metavar="PRIORITY", help="Of the new jobs: low, medium, high or critical.")
    ] = "low",
    as_json: JsonOption = False,
) -> ExitCode:
    """Render completed jobs again, and compare the two videos of each. The exit code is 1 if any differ.

    With --since, a sample of each model's jobs is rendered again, for example after an upgrade, and the models that
    drifted are named.
    """
    context = current_context(as_json)
    if (job is None) is (since is None):
        raise CommandFailed(ExitCode.USAGE, "give the id of a job, or --since TIME for a sample; one of them")
    if model and job is not None:
        raise CommandFailed(ExitCode.USAGE, "--model belongs to --since; a job has its model")
    with context.client() as client:
        if job is not None:
            return _reproduce_job(context, client, job_id(client, job), priority=priority, wait=wait)
        jobs = sampled_jobs(client, span_since(since or ""), sample, model or ())
        return _reproduce_sample(context, client, jobs, priority=priority, wait=wait)


def _reproduce_job(
    context: CliContext, client: KinologClient, original: str, *, priority: str, wait: bool
) -> ExitCode:
    new = client.reproduce(original, priority=priority).job
    if not context.as_json:
        context.print_note(f"job {new.job_id} renders job {new.reproduces} again")
    if wait and context.as_json:
        with going_on(context, new.job_id):
            for _ in client.watch(new.job_id):
                pass
        new = client.status(new.job_id)
    elif wait:
        new = watch_job(context, client, new.job_id)
    if context.as_json:
        context.print_json(new.to_json())
    elif wait:
        print_details(context.out, comparison(new))
    else:
        context.out.print(new.job_id, markup=False)
    return _exit_code(new) if wait else ExitCode.OK


def _reproduce_sample(
    context: CliContext, client: KinologClient, jobs: list[JobInfo], *, priority: str, wait: bool
) -> ExitCode:
    """Print each job of the sample as its reproduction ends, then each model."""
    if not jobs:
        context.print_note("no completed job of a model of the catalogue since then")
        return ExitCode.OK
    submitted = render_again(client, jobs, priority)
    if not wait:
        for one in submitted:
            _print_sampled(context, one)
        return ExitCode.REFUSED if any(one.again is None for one in submitted) else ExitCode.OK
    context.print_note(f"{counted(len(submitted), 'job')} of the sample; those submitted go on if this ends")
    compared = []
    for one in ended(client, submitted):
        compared.append(one)
        _print_sampled(context, one)
    models = drift(compared)
    if context.as_json:
        context.print_json({"models": [asdict(each) | {"drifted": each.drifted} for each in models]})
    else:
        for each in models:
            of = each.identical + each.different
            same = f"{each.identical} of {counted(of, 'job')} identical" if of else "no job was compared"
            left = f", {each.not_compared} not compared" if each.not_compared and of else ""
            print_details(context.out, [(each.model, f"{'drifted: ' if each.drifted else ''}{same}{left}")])
    return ExitCode.OK if all(one.verdict == "identical" for one in compared) else ExitCode.FAILED


def _print_sampled(context: CliContext, one: SampledJob) -> None:
    if context.as_json:
        again = one.again.to_json() if one.again is not None else None
        context.print_json({"job_id": one.original.job_id, "again": again, "refused": one.refused or None})
        return
    found = [("model", one.original.model), ("not rendered", one.refused)]
    if one.again is not None:
        found[1:] = [("again", one.again.job_id), *comparison(one.again)[1:]]
    print_details(context.out, [("job", one.original.job_id), *found])


def _exit_code(job: JobInfo) -> ExitCode:
    if job.status != "completed":
        return BY_JOB_STATUS[job.status]
    return ExitCode.OK if job.reproduction and job.reproduction.identical else ExitCode.FAILED


def comparison(job: JobInfo) -> list[tuple[str, Any]]:
    """Return how a job compares with the one that it reproduces, as rows for people. No rows for another job."""
    if not job.reproduces:
        return []
    rows: list[tuple[str, Any]] = [("reproduces", job.reproduces)]
    found = job.reproduction
    if found is None:
        ended = "no comparison: it is " + job.status
        return [*rows, ("frames", ended)]
    if found.identical:
        rows.append(("frames", "identical"))
    elif found.frames is None:
        rows.append(("frames", f"different; {found.trouble or 'not compared'}"))
    else:
        frames = found.frames
        figures = f"PSNR {frames.psnr_db:.2f} dB, SSIM {frames.ssim:.4f}"
        count = counted(frames.different_frames, "frame")
        verb = "differs" if frames.different_frames == 1 else "differ"
        rows.append(("frames", f"{count} {verb}, the first is {frames.first_frame}; {figures}"))
    rows += [
        (f"other {one.name}", f"{one.original or 'none'}, now {one.reproduction or 'none'}")
        for one in found.differences
    ]
    return rows
