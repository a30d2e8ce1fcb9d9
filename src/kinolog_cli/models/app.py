"""The group `kinolog models`: alone it lists what jobs can name, its commands deal with the models of this machine."""

from __future__ import annotations

import typer

from kinolog.counts import counted
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.models.calibrate import calibrate
from kinolog_cli.models.check import check
from kinolog_cli.models.local_list import list_
from kinolog_cli.models.measure import measure
from kinolog_cli.models.pull import pull
from kinolog_cli.models.remove import remove

app = typer.Typer(
    help="List the models and LoRAs that jobs can name. The commands deal with the models of this machine.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("list")(list_)
app.command("pull")(pull)
app.command("check")(check)
app.command("measure")(measure)
app.command("calibrate")(calibrate)
app.command("remove")(remove)


@app.callback()
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models that jobs can name. The commands deal with the models of this machine."""
    if context.invoked_subcommand is None:
        _offered(as_json)
    else:
        current_context(as_json)


@command
def _offered(as_json: bool) -> None:
    context = current_context(as_json)
    with context.client() as client:
        listed = client.models()
    if context.as_json:
        context.print_json(listed.to_json())
        return
    for model in listed.models:
        mark = " (default)" if model.is_default else ""
        serving = counted(len(model.workers), "worker") if model.workers else "no worker serves it now"
        takes = f" Starts from {', '.join(one.role for one in model.inputs)}." if model.inputs else ""
        chains = " Scenes can be chained." if model.window_frames else ""
        names = [profile.name for profile in model.profiles]
        profiles = f" Profiles: {', '.join(names)}." if len(names) > 1 else ""
        text = f"{model.name}{mark}: {model.description} {serving}.{takes}{chains}{profiles}"
        context.out.print(text, markup=False)
    for upscaler in listed.upscalers:
        context.print_note(
            f"--upscaler {upscaler.name}: {upscaler.scale} times wider and higher ({upscaler.licence})"
        )
    for lora in listed.loras:
        fits = f"fits {', '.join(lora.models)}" if lora.models else "fits no model here"
        words = f" Say {', '.join(lora.trigger_words)}." if lora.trigger_words else ""
        text = f"LoRA {lora.name}: {lora.description} {lora.licence}; {fits}, weight {lora.default_weight:g}.{words}"
        context.out.print(text, markup=False)
    if listed.prompt_writer:
        context.print_note(f"{listed.prompt_writer} writes shots and prompts: --shots written, --enhance")
