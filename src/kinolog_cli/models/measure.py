"""`kinolog models measure`: what a model needs of memory, from the headers of its files alone."""

from __future__ import annotations

from typing import Any

from kinolog.models.memory.needs import ModelMemory
from kinolog.models.memory.planner import gib
from kinolog.models.renderers import EMBEDDED
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.models.local_list import CardOption, device_figures
from kinolog_cli.models.local_model import LocalModel, NameArgument, local_model
from kinolog_cli.output.columns import print_columns


@command
def measure(name: NameArgument, card_gib: CardOption = None, as_json: JsonOption = False) -> None:
    """Print the weights of a model by part, and the memory that each placement needs. Nothing is loaded."""
    context = current_context(as_json)
    model = local_model(name)
    memory = model.memory()
    if memory is None:
        raise CommandFailed(ExitCode.NOT_FOUND, _why_not(name, model))
    parts = [(part, network.elements) for part, network in sorted(memory.networks.items())]
    rungs = _rungs(model, memory)
    fits = model.fit(device_figures(card_gib))
    if context.as_json:
        context.print_json(
            {
                "name": model.entry.name,
                "size": str(model.size),
                "weights": [
                    {"part": part, "weights": count, "bytes": count * memory.weight_bytes}
                    for part, count in parts
                ],
                "placements": rungs,
                "fits": fits or None,
            }
        )
        return
    rows = [(part, f"{count / 1e6:,.1f} million", gib(count * memory.weight_bytes)) for part, count in parts]
    print_columns(context.out, ("part", "weights", "memory"), rows)
    context.out.print(f"\n{model.size}", markup=False)
    print_columns(
        context.out,
        ("placement", "device", "host"),
        [(row["placement"], gib(row["device_bytes"]), gib(row["host_bytes"])) for row in rungs],
    )
    if fits:
        context.out.print(f"\nthe GPU: {fits}", markup=False)


def _rungs(model: LocalModel, memory: ModelMemory) -> list[dict[str, Any]]:
    needs = {rung: memory.need(rung, model.size) for rung in model.rungs if memory.has(rung)}
    return [
        {"placement": str(rung), "device_bytes": need.device_bytes, "host_bytes": need.host_bytes}
        for rung, need in needs.items()
    ]


def _why_not(name: str, model: LocalModel) -> str:
    if model.entry.source == EMBEDDED:
        return f"{name} is installed with kinolog, and fits everywhere"
    if model.folder is None:
        return f"{name} is {model.state}; run `kinolog models pull {name}` first"
    if model.entry.family is None:
        return (
            f"{name} cannot be measured: {model.entry.pipeline or 'its class'} is no class that kinolog knows"
        )
    return f"{name} cannot be measured: `kinolog models check {name}` says what is wrong with its files"
