"""The tables of docs/memory.md: `python -m kinolog.models.memory.placement_page docs/memory.md` writes them again."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinolog.models.families import families
from kinolog.models.memory.autoencoders import autoencoders
from kinolog.models.memory.needs import CONTEXT_BYTES, GIB, DrawnSize, ModelMemory
from kinolog.models.memory.placement import LADDER
from kinolog.models.memory.planner import DoesNotFit, MemoryFigures, plan_placement
from kinolog.models.memory.weights import NetworkSize

KNOWN_MODELS = Path(__file__).with_name("known_models.toml")
CARDS_GIB = (8, 16, 24, 48, 80)
HOST_GIB = 128
SMALL_HOST_GIB = 24
"""Free host memory of the machines in the two tables."""

START, END = (
    "<!-- placements: written by kinolog.models.memory.placement_page -->\n",
    "<!-- end of placements -->\n",
)
_BETWEEN = f"""
With {SMALL_HOST_GIB} GiB of free host memory, and `kinolog[quantised]`:

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A published model with the size of its clips."""

    title: str
    size: DrawnSize
    memory: ModelMemory


def known_models() -> Iterator[KnownModel]:
    """Yield the models of the table, as the worker would find them on a GPU."""
    table = tomllib.loads(KNOWN_MODELS.read_text(encoding="utf-8"))
    networks = {name: _network(values) for name, values in table["networks"].items()}
    for model in table["models"]:
        width, height, frames = model["size"]
        yield KnownModel(
            title=model["title"],
            size=DrawnSize(width=width, height=height, frames=frames),
            memory=_memory(model, networks),
        )


def figures_of_card(card_gib: float, host_gib: float = HOST_GIB) -> MemoryFigures:
    """Return the memory of a card that nothing else uses, in a machine with so much free memory."""
    total = int(card_gib * GIB)
    return MemoryFigures(total=total, free=total - CONTEXT_BYTES, host_free=int(host_gib * GIB))


def placement_table(host_gib: float = HOST_GIB) -> str:
    """Return the rung of each known model on each card, in machines with so much free memory."""
    head = f"| model and clip | {' | '.join(f'{card} GB' for card in CARDS_GIB)} |\n"
    rule = f"| --- |{' --- |' * len(CARDS_GIB)}\n"
    return head + rule + "".join(_row(model, host_gib) for model in known_models())


def with_placements(page: str) -> str:
    """Return the page with the table between its marks. Raises ValueError if a mark is missing."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"the page has no {START.strip()} or no {END.strip()}")
    tables = _BETWEEN.join((placement_table(), placement_table(SMALL_HOST_GIB)))
    return f"{before}{START}{tables}{END}{after}"


def _row(model: KnownModel, host_gib: float) -> str:
    cells = " | ".join(_cell(model, figures_of_card(card, host_gib)) for card in CARDS_GIB)
    return f"| {model.title}, {model.size} | {cells} |\n"


def _cell(model: KnownModel, figures: MemoryFigures) -> str:
    try:
        plan = plan_placement(model.memory, model.size, figures)
    except DoesNotFit as refused:
        return f"no: {refused.needed_bytes / GIB:.1f} GiB"
    rung = plan.rung
    decode = "" if rung.decode == LADDER[0].decode else f", {rung.decode}"
    return f"{rung.weights}{decode}: {plan.need.device_bytes / GIB:.1f} GiB"


def _network(values: list[int]) -> NetworkSize:
    elements, block, outside, tensor, width = values
    return NetworkSize(
        elements=elements,
        block=block,
        outside=outside,
        tensor=tensor,
        width=width,
        linear=elements - outside,  # but for a few weights that are not in linear layers
    )


def _memory(model: dict[str, Any], networks: dict[str, NetworkSize]) -> ModelMemory:
    family = families()[model["pipeline"]]
    in_float32 = family.vae_dtype == "float32"
    return ModelMemory(
        {name: networks[part] for name, part in model["parts"].items()},
        autoencoders()[model["autoencoder"]],
        decode_bytes=4 if in_float32 else 2,
        token_side=model.get("token_side", family.token_side),
        frames_of_latent=max(1, family.frames.multiple),
        passes=2 if family.batched_guidance else 1,
        streams=family.streams,
        may_halve=in_float32,
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_placements(target.read_text(encoding="utf-8")), encoding="utf-8")
