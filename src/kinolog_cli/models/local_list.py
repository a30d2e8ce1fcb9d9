"""`kinolog models list`: the models of this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kinolog.models.memory.machine import machine_figures
from kinolog.models.memory.placement_page import figures_of_card
from kinolog.models.memory.planner import MemoryFigures, gib
from kinolog_cli.context import JsonOption, command, current_context
from kinolog_cli.models.local_model import LocalModel, local_models
from kinolog_cli.output.columns import print_columns

CardOption = Annotated[
    float | None,
    typer.Option("--card-gib", min=1.0, help="Memory of a GPU to plan for, in GiB; else the first one here."),
]


@command
def list_(
    card_gib: CardOption = None,
    known: Annotated[
        bool, typer.Option("--known", help="All well-known models, also those that are not here.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the models of this machine: what is here, its size, and whether a GPU holds it."""
    context = current_context(as_json)
    figures = device_figures(card_gib)
    models = list(local_models(known=known))
    if context.as_json:
        context.print_json({"models": [_facts(model, figures) for model in models]})
        return
    headings = ("name", "state", "size", "fits", "licence", "class", "revision", "source")
    print_columns(context.out, headings, [_row(model, figures) for model in models])


def device_figures(card_gib: float | None) -> MemoryFigures | None:
    """Return the memory of a card of this size, or of the first GPU here; None if there is none."""
    return machine_figures() if card_gib is None else figures_of_card(card_gib)


def _row(model: LocalModel, figures: MemoryFigures | None) -> list[str]:
    entry = model.entry
    size = model.size_bytes
    return [
        entry.name,
        model.state,
        gib(size) if size else "",
        model.fit(figures),
        entry.licence,
        entry.pipeline,
        model.revision[:12],
        entry.source,
    ]


def _facts(model: LocalModel, figures: MemoryFigures | None) -> dict[str, Any]:
    entry = model.entry
    return {
        "name": entry.name,
        "state": model.state,
        "size_bytes": model.size_bytes,
        "fits": model.fit(figures) or None,
        "licence": entry.licence or None,
        "pipeline": entry.pipeline or None,
        "revision": model.revision or None,
        "source": entry.source,
        "folder": str(model.folder) if model.folder else None,
    }
