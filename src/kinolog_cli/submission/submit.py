"""`kinolog generate`: submit a prompt, or many, and wait for a video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kinolog_cli.context import CliContext, JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import BY_JOB_STATUS, ExitCode
from kinolog_cli.jobs.queries import save_video
from kinolog_cli.jobs.watch import watch_job
from kinolog_cli.output.places import checked_place, writes_standard_output
from kinolog_cli.submission.input_files import (
    ControlOption,
    FaceOption,
    ImageOption,
    InputFiles,
    LastImageOption,
    ReferenceOption,
    VideoOption,
)
from kinolog_cli.submission.lora_options import LoraOption, ProfileOption, named_loras
from kinolog_cli.submission.planned_job import show_plan
from kinolog_cli.submission.prompt_file import submit_file
from kinolog_cli.submission.scene_list import scene_file
from kinolog_cli.submission.start_options import (
    StartAfterOption,
    StartTimeoutOption,
    start_time,
    start_timeout_seconds,
)
from kinolog_cli.submission.variants_option import VariantsOption
from kinolog_client import CommandInfo, JobInfo, KinologClient, VideoRequest, VideoScene


@command
def generate(
    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="What the video shall show.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", "-f", help="Submit every line of a file: prompts, or .jsonl; - for standard input."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Wait, and save the video here; - for standard output."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the scenes and an estimate, and submit nothing.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Wait, and show the progress.")] = False,
    priority: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
    style: Annotated[str | None, typer.Option(help="One of the styles that the model knows.")] = None,
    shots: Annotated[
        str | None,
        typer.Option(
            help='one: the prompt is one shot (default); auto: cut at "Scene 1:", "0-2s:", "Then …"; '
            "written: a language model writes the shots."
        ),
    ] = None,
    enhance: Annotated[
        bool, typer.Option("--enhance", help="Let a language model rewrite the prompt for the video model.")
    ] = False,
    scene: Annotated[
        list[str] | None,
        typer.Option(metavar="PROMPT", help="A scene; repeat it. The PROMPT, if given, precedes each."),
    ] = None,
    scenes: Annotated[
        Path | None,
        typer.Option(
            help="JSON file of scenes: a list of objects with prompt, duration, transition, seed; - for standard input."
        ),
    ] = None,
    chained: Annotated[
        bool, typer.Option("--chained", help="Let each scene go on from the end of the one before.")
    ] = False,
    upscaler: Annotated[
        str | None, typer.Option(help="Upscaler that enlarges the frames, see `kinolog models`.")
    ] = None,
    interpolate_fps: Annotated[
        int | None,
        typer.Option(help="Frames per second after frames between are computed: 2 or 4 times --fps."),
    ] = None,
    image: ImageOption = None,
    last_image: LastImageOption = None,
    reference: ReferenceOption = None,
    video: VideoOption = None,
    control: ControlOption = None,
    face: FaceOption = None,
    lora: LoraOption = None,
    profile: ProfileOption = None,
    duration: Annotated[float | None, typer.Option(help="Length in seconds.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of a model, see `kinolog models`.")] = None,
    size: Annotated[str | None, typer.Option(help="Size as WIDTHxHEIGHT.")] = None,
    frames: Annotated[int | None, typer.Option(help="Number of frames, instead of a duration.")] = None,
    fps: Annotated[int | None, typer.Option(help="Frames per second.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 turns guidance off.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same one gives the same video.")] = None,
    variants: VariantsOption = None,
    negative: Annotated[str | None, typer.Option(help="What the video shall not show.")] = None,
    codec: Annotated[
        str | None, typer.Option(help="h264, h265, av1, or of a GPU such as h264_nvenc.")
    ] = None,
    crf: Annotated[int | None, typer.Option(help="Rate factor of the codec; less is better quality.")] = None,
    title: Annotated[str | None, typer.Option(help="Title in the file of the video.")] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Called when the job ends: https://…, or mailto:… for e-mail."),
    ] = None,
    webhook_format: Annotated[
        str | None, typer.Option(help="Form of its messages: kinolog, openai, replicate or fal.")
    ] = None,
    start_after: StartAfterOption = None,
    start_timeout: StartTimeoutOption = None,
    request_id: Annotated[
        str | None, typer.Option(help="Submitting twice with the same id makes one job.")
    ] = None,
    as_json: JsonOption = False,
) -> ExitCode:
    """Submit a prompt; with --watch or --output, wait for the video. With --file, submit many; with --plan, none."""
    context = current_context(as_json)
    if scene and scenes is not None:
        raise CommandFailed(ExitCode.USAGE, "give each --scene, or a file of --scenes")
    has_prompt = prompt is not None or bool(scene) or scenes is not None
    if has_prompt is (file is not None):
        raise CommandFailed(ExitCode.USAGE, "give a PROMPT, or scenes, or a --file of prompts")
    request = VideoRequest(
        prompt=prompt or "",
        shots=shots,
        enhance_prompt=enhance or None,
        chained=chained or None,
        upscaler=upscaler,
        interpolate_fps=interpolate_fps,
        scenes=_scenes(scene, scenes),
        priority=priority,
        style=style,
        duration=duration,
        model=model,
        size=size,
        frames=frames,
        fps=fps,
        steps=steps,
        guidance=guidance,
        seed=seed,
        variants=variants,
        negative_prompt=negative,
        codec=codec,
        crf=crf,
        title=title,
        webhook=webhook,
        webhook_format=webhook_format,
        loras=named_loras(lora),
        profile=profile,
        start_after=start_time(start_after),
        start_timeout_seconds=start_timeout_seconds(start_timeout),
    )
    files = InputFiles(
        image=image,
        last_image=last_image,
        reference=reference or (),
        video=video,
        control=control,
        face=face,
    )
    if plan and (file is not None or watch or output is not None):
        raise CommandFailed(ExitCode.USAGE, "--plan submits nothing; leave --file, --watch and --output away")
    if plan:
        return show_plan(context, request, files)
    if (variants or 1) > 1 and (watch or output is not None):
        raise CommandFailed(
            ExitCode.USAGE, "--variants submits and does not wait; leave --watch and --output away"
        )
    if file is not None:
        if watch or output:
            raise CommandFailed(
                ExitCode.USAGE, "--file submits and does not wait; leave --watch and --output away"
            )
        return submit_file(context, file, request, request_id, files)
    place = None if output is None else checked_place(output)
    with context.client() as client:
        answer = client.submit(replace(request, inputs=files.uploaded(client)), request_id=request_id)
        if watch or place is not None:
            return _watch_and_save(context, client, answer, place)
    if context.as_json:
        context.print_json(answer.to_json())
        return ExitCode.OK
    for job in answer.variants or (answer.job,):
        context.out.print(f"job {job.job_id} is {job.status}", markup=False)
    context.print_note(f"follow it: kinolog watch {answer.job_id}")
    return ExitCode.OK


def _scenes(prompts: list[str] | None, file: Path | None) -> list[VideoScene] | None:
    """Return the scenes of the options; None without any. Raises `CommandFailed` for a file that has none."""
    if file is not None:
        return scene_file(file)
    return [VideoScene(prompt=text) for text in prompts] if prompts else None


def _watch_and_save(
    context: CliContext, client: KinologClient, submitted: CommandInfo, place: Path | None
) -> ExitCode:
    """Watch a job to its end, save its video, and print how it ended and what to do next."""
    job_id, to_stdout = submitted.job_id, place is not None and writes_standard_output(place)
    context.print_note(f"job {job_id} is {submitted.status}")
    final = watch_job(context, client, job_id)
    code = BY_JOB_STATUS[final.status]
    if code is ExitCode.OK and place is not None:
        save_video(context, client, job_id, place)
    if context.as_json and not to_stdout:
        saved = {"saved": str(place)} if code is ExitCode.OK and place else {}
        context.print_json(final.to_json() | saved)
    elif code is ExitCode.OK:
        where = "" if place is None else " and saved" if to_stdout else f" and saved as {place}"
        out = context.err if to_stdout else context.out
        out.print(f"job {job_id} is completed{where}", markup=False, soft_wrap=True)
        _print_next_steps(context, final, place)
    else:
        context.print_error(f"job {job_id} is {final.status}: {error_message(final)}")
        if final.status == "failed":
            context.print_note(
                f"what its worker wrote: kinolog logs {job_id}; try again: kinolog retry {job_id}"
            )
    return code


def _print_next_steps(context: CliContext, job: JobInfo, place: Path | None) -> None:
    """Print where the video is, and how to save it or make it again."""
    if job.links.video:
        context.print_note(f"the video: {context.url.rstrip('/')}{job.links.video}")
    if place is None:
        context.print_note(f"save it: kinolog result {job.job_id} -o film.mp4")
    context.print_note(f"its seed: {job.seed}; how it was made: kinolog replay {job.job_id}")


def error_message(job: JobInfo) -> str:
    """Return why a job failed; empty if it did not."""
    return job.error.message if job.error is not None else ""
