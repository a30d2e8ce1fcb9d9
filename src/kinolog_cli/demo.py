"""`kinolog demo`: start a stack, make one video, and stop the stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kinolog.counts import counted
from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.jobs.queries import save_video
from kinolog_cli.jobs.watch import watch_job
from kinolog_cli.output.history import history_outline
from kinolog_cli.output.places import checked_place
from kinolog_cli.stop_signals import StopSignals
from kinolog_cli.submission.submit import error_message
from kinolog_client import HistoryInfo, JobInfo
from kinolog_stack.data_folder import DataFolder
from kinolog_stack.errors import SettingError, StartError
from kinolog_stack.settings import StackSettings

if TYPE_CHECKING:  # what it imports is not installed everywhere
    from kinolog_stack.processes.supervised_process import SupervisedProcess


@command
def demo(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the video shall show.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Save the video here.")] = Path(
        "kinolog-demo.mp4"
    ),
    data: Annotated[Path | None, typer.Option("--data", help="Data folder (KINOLOG_DATA).")] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Start everything, make one video, show its history, and stop everything again."""
    context = current_context(as_json)
    checked_place(output)
    settings = StackSettings(data=data or StackSettings().data, gateway_port=0, api_port=0)
    with gateway_of_stack(context, settings) as url, context.client(url) as client:
        job_id = client.generate(prompt).job_id
        final = watch_job(context, client, job_id)
        code = BY_JOB_STATUS[final.status]
        if code is ExitCode.OK:
            save_video(context, client, job_id, output)
        history = client.history(job_id)
    if context.as_json:
        context.print_json(
            {"job": final.to_json(), "history": history.to_json(), "saved": str(output.absolute())}
        )
    else:
        _print_outcome(context, final, history, output)
    return code


def _print_outcome(context: CliContext, job: JobInfo, history: HistoryInfo, output: Path) -> None:
    context.out.print(history_outline(history.commits))
    media = job.media
    if job.status != "completed" or media is None:
        context.print_error(f"the job is {job.status}: {error_message(job)}")
        return
    facts = f"{media.width}x{media.height}, {counted(media.frames, 'frame')} at {media.fps:g} per second"
    context.out.print(f"\n{output.absolute()}  ({facts})", style="bold green", soft_wrap=True)


@contextmanager
def gateway_of_stack(context: CliContext, settings: StackSettings) -> Iterator[str]:
    """Yield the gateway's address of the stack that runs on this data folder, else of one that runs for the block.

    Raises `CommandFailed` if the stack does not start.
    """
    running = DataFolder(settings.data).running()
    if running is not None and "gateway" in running.addresses:
        yield running.addresses["gateway"]
        return
    from kinolog_stack.stack import Stack

    def print_change(process: SupervisedProcess) -> None:
        if process.state == "running":
            context.err.print(f"  {process.name} runs", style="dim", markup=False)

    context.err.print("starting kinolog …", style="dim")
    try:
        stack = Stack(settings, on_change=print_change)
        StopSignals(stack).install()
        stack.start()
    except StartError as error:
        text = f"kinolog did not start: {error.problem} {error.remedy}"
        code = ExitCode.USAGE if isinstance(error, SettingError) else ExitCode.UNREACHABLE
        raise CommandFailed(code, text) from error
    try:
        yield stack.addresses["gateway"]
    finally:
        context.err.print("stopping kinolog …", style="dim")
        stack.stop()
