"""Whether a model has the placement that its entry names."""

from __future__ import annotations

from kinolog.models.memory.needs import ModelMemory
from kinolog.models.memory.placement import QUANTISING_PACKAGES, stated_placement
from kinolog_worker.renderers.diffusers.pipeline_loader import CheckedModel
from kinolog_worker.renderers.diffusers.quantisation.packages import check_installed
from kinolog_worker.renderers.renderer import RenderFailed


def check_placement(checked: CheckedModel, memory: ModelMemory, option: str) -> None:
    """Raise RenderFailed for an option `placement` that a model does not have here."""
    weights = stated_placement(option)
    if weights is None or memory.has_placement(weights):
        return
    if weights in QUANTISING_PACKAGES:
        check_installed(QUANTISING_PACKAGES[weights], f"placement {weights}")
    why = (
        "its weights are quantised in their files"
        if memory.has_quantised_denoiser
        else f"kinolog quantises no layers of {checked.family.pipeline}"
    )
    raise RenderFailed(
        "MODEL_UNSUPPORTED",
        f"{checked.model.name} has no placement {weights}: {why}; set its option placement to auto",
        retryable=False,
    )
