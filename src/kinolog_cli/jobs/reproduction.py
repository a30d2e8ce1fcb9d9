"""`kinolog reproduce`: render a completed job again, and say whether it came out the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kinolog.counts import counted
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.jobs.job_ids import JobArgument, job_id
from kinolog_cli.jobs.watch import going_on, watch_job
from kinolog_cli.output.columns import print_details
from kinolog_client import JobInfo


@command
def reproduce(
    job: JobArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the comparison.")] = True,
    priority: Annotated[
        str, typer.Option(metavar="PRIORITY", help="Of the new job: low, medium, high or critical.")
    ] = "low",
    as_json: JsonOption = False,
) -> ExitCode:
    """Render a completed job again, and compare the two videos. The exit code is 1 if they differ."""
    context = current_context(as_json)
    with context.client() as client:
        new = client.reproduce(job_id(client, job), priority=priority).job
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
