"""`kinolog generate --plan`: what a job would be."""

from __future__ import annotations

from dataclasses import replace

from kinolog.counts import counted
from kinolog.durations import length_text
from kinolog_cli.context import CliContext
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.output.columns import print_columns, print_details
from kinolog_cli.submission.input_files import InputFiles
from kinolog_client import JobPlanInfo, VideoRequest


def show_plan(context: CliContext, request: VideoRequest, files: InputFiles) -> ExitCode:
    """Print what a job would be. Its pictures and clips are uploaded, and expire."""
    with context.client() as client:
        plan = client.plan(replace(request, inputs=files.uploaded(client)))
    if context.as_json:
        context.print_json(plan.to_json())
        return ExitCode.OK
    print_details(context.out, _facts(plan))
    rows = [
        (
            str(scene.index + 1),
            f"{scene.start_seconds:.1f} s",
            f"{scene.duration_seconds:.1f} s",
            scene.transition,
            scene.camera,
            scene.prompt,
        )
        for scene in plan.scenes
    ]
    headings = ("scene", "from", "length", "begins by", "camera", "prompt")
    print_columns(context.out, headings, rows, fold=True)
    if plan.writes_prompts:
        context.print_note("a language model writes other prompts when the video is submitted")
    return ExitCode.OK


def _facts(plan: JobPlanInfo) -> list[tuple[str, str]]:
    """Return what the scenes have in common, by name."""
    ignored = dict.fromkeys(word for scene in plan.scenes for word in scene.ignored_words)
    replaced = {one.word: one.known for scene in plan.scenes for one in scene.replaced_words}
    estimate = ""
    if plan.estimated_seconds is not None:
        jobs = counted(plan.estimated_from_jobs, "past job")
        each = f"{length_text(plan.estimated_seconds)} each, " if plan.variants > 1 else ""
        seconds = plan.total_estimated_seconds or plan.estimated_seconds
        estimate = f"about {length_text(seconds)} of work, {each}from {jobs}"
    return [
        ("model", plan.model),
        (
            "video",
            f"{plan.size}, {plan.duration_seconds:g} s, {counted(plan.frames, 'frame')} at {plan.fps}/s",
        ),
        ("steps", str(plan.steps)),
        *_seeds(plan),
        ("estimate", estimate),
        ("cost", f"{plan.total_cost}, {plan.cost} each" if plan.variants > 1 else str(plan.cost)),
        ("left out", f"{', '.join(ignored)}: {plan.model} does not know them" if ignored else ""),
        ("read as", ", ".join(f"{word} as {known}" for word, known in replaced.items())),
    ]


def _seeds(plan: JobPlanInfo) -> list[tuple[str, str]]:
    """Return the seed, and how many jobs the request makes if they are several."""
    drawn = "drawn when it is submitted"
    if plan.variants < 2:
        return [("seed", drawn if plan.seed is None else str(plan.seed))]
    if plan.seed is None:
        seeds = f"{drawn}; each further one has the next seed"
    else:
        seeds = f"{plan.seed} to {plan.seed + plan.variants - 1}"
    return [("variants", counted(plan.variants, "job")), ("seeds", seeds)]
