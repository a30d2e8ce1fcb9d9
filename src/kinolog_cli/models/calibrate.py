"""`kinolog models calibrate`: how near the clips of a profile come to those of the model as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.models.local_model import NameArgument
from kinolog_cli.output.columns import print_details
from kinolog_cli.output.formats import profile_figures
from kinolog_client import UsedProfileInfo

_PROGRAM = "kinolog_worker.calibration"


@command
def calibrate(
    name: NameArgument,
    profile: Annotated[str, typer.Argument(help="The profile of the model.", metavar="PROFILE")],
    clips: Annotated[int, typer.Option(min=1, max=100, help="Number of clips, each drawn twice.")] = 4,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prompts, one on each line; else some of kinolog.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="First picture, for a model that needs one.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or one such as cuda:1.")] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Draw clips as the model is and with a profile, and store PSNR, SSIM and speed for the jobs of this machine.

    Run it on each kind of machine that has workers, as their user and with their settings. It needs the device for
    itself. Jobs of the profile then record the figures, until the model, a library, hardware or the profile changes.
    """
    context = current_context(as_json)
    if find_spec("kinolog_worker") is None:
        text = "clips are drawn by the worker; install it with: pip install 'kinolog[worker]'"
        raise CommandFailed(ExitCode.FAILED, text)
    options = ["--model", name, "--profile", profile, "--clips", str(clips), "--device", device]
    for option, path in (("--prompts", prompts), ("--picture", picture)):
        options += [option, str(path)] if path is not None else []
    with TemporaryDirectory(prefix="kinolog-calibration-") as folder:  # outlives a process that is killed
        figures = UsedProfileInfo.model_validate(_figures(context, [*options, "--folder", folder]))
    if context.as_json:
        context.print_json({"model": name, **figures.to_json()})
        return
    pairs = [("profile", f"{name} {profile}"), ("compared with exact", profile_figures(figures))]
    print_details(context.out, [*pairs, ("calibration", figures.calibration)])


def _figures(context: CliContext, options: list[str]) -> dict[str, Any]:
    """Return the figures that the process of a calibration prints last. Raises CommandFailed."""
    argv = (sys.executable, "-P", "-m", _PROGRAM, *options)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                answer: dict[str, Any] = json.loads(line)
                if "figures" in answer:
                    return dict(answer["figures"])
                if "failed" in answer:
                    raise CommandFailed(ExitCode.FAILED, f"{answer['failed']}: {answer['message']}")
                context.print_note(f"clip {answer['drawn']} of {answer['clips']}")
        finally:
            process.kill()
    raise CommandFailed(ExitCode.FAILED, "the calibration ended without a result; what it printed says more")
