"""Loads a modular pipeline, each part of it from the model's own folder.

`load_components` of diffusers would take a part that is not there from where the index points, and it only logs a part
that cannot be loaded. So the parts are loaded one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from kinolog.models.families import Family, GuidanceKind, StepReports
from kinolog.models.memory.needs import DENOISERS
from kinolog_worker.renderers.diffusers.modular.driven_pipeline import DrivenPipeline
from kinolog_worker.renderers.diffusers.modular.model_parts import MODULAR_INDEX, ModelPart
from kinolog_worker.renderers.diffusers.modular.remembered_texts import GUIDERS, TextTokenTypes
from kinolog_worker.renderers.diffusers.modular.used_blocks import used_blocks
from kinolog_worker.renderers.diffusers.quantisation.block_quantiser import BlockQuantisation
from kinolog_worker.renderers.renderer import RenderFailed

_BLOCK_ERRORS = "diffusers.modular_pipelines.modular_pipeline"
"""The logger to which each level of blocks writes an error, with its traceback, before it raises it again."""

_PICTURE_PROCESSOR = "processor"
"""The part that MiniMax-H3 reads pictures with. It needs a package for them as soon as it is loaded."""

_AREA_CLASSES = {"WanAnimate2ModularPipeline", "WanAnimate2DistilledModularPipeline"}
"""They compute sides from the area and the shape of the picture and cut them off: 480 pixels of 832x480 become 464."""


def load_modular(
    folder: Path,
    family: Family,
    parts: Mapping[str, ModelPart],
    dtypes: torch.dtype | dict[str, torch.dtype],
    quantisation: BlockQuantisation | None = None,
) -> Any:
    """Return the pipeline of a checked folder on the CPU. Its denoisers may be quantised as they are read.

    Raises RenderFailed and what loading a part raises.
    """
    logging.getLogger(_BLOCK_ERRORS).setLevel(logging.CRITICAL)
    used = used_blocks(family, has_autoencoder=has_autoencoder(folder, parts))
    driven = type(used.kind.__name__, (DrivenPipeline, used.kind), {})
    pipe = driven(blocks=used.whole, pretrained_model_name_or_path=str(folder), local_files_only=True)
    loaded = {
        name: _loaded(pipe.get_component_spec(name), folder, parts, dtypes, quantisation)
        for name in pipe.pretrained_component_names
        if name in used.parts and name != _PICTURE_PROCESSOR
    }
    pipe.update_components(**loaded)
    # A guardrail looks at the text where that is encoded.
    pipe.drive(used.by_inputs, remembers_texts=not family.guardrail)
    if _PICTURE_PROCESSOR in used.parts:
        pipe.processor = TextTokenTypes()
    _complete(pipe, family)
    return pipe


def used_folders(family: Family, parts: Mapping[str, ModelPart], *, has_autoencoder: bool) -> frozenset[str]:
    """Return the sub-folders of the parts that a pipeline loads."""
    used = used_blocks(family, has_autoencoder=has_autoencoder)
    return frozenset(_place(name, parts) for name in used.parts)


def has_autoencoder(folder: Path, parts: Mapping[str, ModelPart]) -> bool:
    """Return whether the folder has an autoencoder of frames."""
    return (folder / _place("vae", parts)).is_dir()


def _place(name: str, parts: Mapping[str, ModelPart]) -> str:
    """Return the sub-folder of a part."""
    return parts[name].subfolder if name in parts else name


def _loaded(
    spec: Any,
    folder: Path,
    parts: Mapping[str, ModelPart],
    dtypes: torch.dtype | dict[str, torch.dtype],
    quantisation: BlockQuantisation | None,
) -> Any:
    part = parts.get(spec.name)
    subfolder = _place(spec.name, parts)
    if not (folder / subfolder).is_dir():
        raise RenderFailed(
            "MODEL_DAMAGED",
            f"the part {spec.name} is missing: the folder has no {subfolder}. {MODULAR_INDEX} may name another place, "
            "but kinolog takes all parts from the folder of the model",
            retryable=False,
        )
    if spec.type_hint is None:
        raise RenderFailed(
            "MODEL_DAMAGED",
            f"{MODULAR_INDEX}: {spec.name} has no type_hint of a library and a class",
            retryable=False,
        )
    options: dict[str, Any] = {}
    if issubclass(spec.type_hint, torch.nn.Module):
        # Others, such as tokenizers, would keep what they do not know.
        default = dtypes if isinstance(dtypes, torch.dtype) else dtypes["default"]
        dtype = default if isinstance(dtypes, torch.dtype) else dtypes.get(spec.name, default)
        options = {"dtype": dtype, "use_safetensors": True}
        if quantisation is not None and spec.name.startswith(DENOISERS):
            options["quantization_config"] = quantisation
    return spec.load(
        pretrained_model_name_or_path=str(folder),
        subfolder=subfolder,
        variant=part.variant if part else None,
        revision=None,
        local_files_only=True,
        **options,
    )


def _complete(pipe: Any, family: Family) -> None:
    """Give the pipeline what does not come from the folder, and let its steps be seen."""
    if family.guardrail and pipe.requires_safety_checker:
        pipe.enable_safety_checker()
    if family.guidance is GuidanceKind.NONE:  # diffusers may give it the guider of its text blocks
        for name in GUIDERS:
            guider = getattr(pipe, name, None)
            if guider is not None:
                setattr(pipe, name, guider.new(guidance_scale=1.0))
    if family.pipeline in _AREA_CLASSES:
        pipe.height_margin = 1e-6
    if family.step_reports is StepReports.CALLBACK:
        pipe.report_steps()
