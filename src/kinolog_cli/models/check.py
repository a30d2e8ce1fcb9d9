"""`kinolog models check`: whether the files of a model are all there, whole, and safe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kinolog.models.hub.integrity import folder_problems, weight_file_problem
from kinolog.models.hub.needed_files import DENOISER, SAFE
from kinolog.models.renderers import EMBEDDED
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.models.local_model import LocalModel, local_model, local_models


@command
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all that are here without any.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read the headers of weights alone, and no content.")
    ] = False,
    as_json: JsonOption = False,
) -> ExitCode:
    """Check that all files of models are there, whole and without pickles, and that their bytes are those of the hub.

    Exit code 1 if something is wrong. Bytes of a model that is a folder of its own have nothing to be compared with.
    """
    context = current_context(as_json)
    chosen = (
        [local_model(name) for name in names] if names else [one for one in local_models() if _is_local(one)]
    )
    worst = ExitCode.OK
    for model in chosen:
        problems = _problems(model, content=not quick)
        worst = ExitCode.FAILED if problems else worst
        if context.as_json:
            context.print_json(
                {
                    "name": model.entry.name,
                    "source": model.entry.source,
                    "whole": not problems,
                    "problems": problems,
                }
            )
            continue
        context.out.print(f"{model.entry.name}: {'not whole' if problems else 'whole'}", markup=False)
        for problem in problems:
            context.out.print(f"  {problem}", markup=False, soft_wrap=True)
    if not chosen:
        context.print_note("no model is here; `kinolog models pull` downloads one")
    return worst


def _is_local(model: LocalModel) -> bool:
    return model.entry.source != EMBEDDED and model.state != "not here"


def _problems(model: LocalModel, *, content: bool) -> list[str]:
    entry = model.entry
    if entry.source == EMBEDDED:
        raise CommandFailed(
            ExitCode.USAGE, f"{entry.name} is installed with kinolog; there is nothing to check"
        )
    if model.folder is None:
        return [f"it is {model.state}; run `kinolog models pull {entry.source}`"]
    if not entry.base:
        return list(folder_problems(model.folder, content=content))
    problems = list(folder_problems(model.folder, content=content, without=(DENOISER,)))
    return [*problems, *filter(None, [_file_problem(Path(entry.source))])]


def _file_problem(path: Path) -> str:
    """Return what is wrong with the single file of a model; empty if nothing is. Of GGUF it has to exist."""
    if not path.is_file():
        return f"there is no file {path}"
    problem = weight_file_problem(path) if path.suffix.lower() == SAFE else ""
    return f"{path} {problem}" if problem else ""
