"""Loads a modular pipeline, each part of it from the model's own folder.

`load_components` of diffusers would take a part that is not there from where the index points, and it only logs a part
that cannot be loaded. So the parts are loaded one by one. The blocks are those of the class: an index may name others.
Those that a text, a number of frames and the inputs of a family do not run are left out, with their parts: MiniMax-H3
has a second network of 62 GB for references, and LTX-2.5 a model that chooses the number of frames.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.modular_pipelines.ltx2 import modular_blocks_ltx2

from kinolog.models.families import Family, GuidanceKind, StepReports
from kinolog_worker.renderers.diffusers.modular.driven_pipeline import DrivenPipeline
from kinolog_worker.renderers.diffusers.modular.model_parts import MODULAR_INDEX, ModelPart
from kinolog_worker.renderers.diffusers.modular.remembered_texts import (
    GUIDERS,
    TextTokenTypes,
    with_remembered_texts,
)
from kinolog_worker.renderers.renderer import RenderFailed

_library: Any = diffusers  # untyped in part
_ltx2: Any = modular_blocks_ltx2
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
) -> Any:
    """Return the pipeline of a checked folder on the CPU. Raises RenderFailed and what loading a part raises."""
    logging.getLogger(_BLOCK_ERRORS).setLevel(logging.CRITICAL)
    kind, blocks = _used_blocks(family, parts, has_autoencoder=has_autoencoder(folder, parts))
    texts = None
    if not family.guardrail:  # it looks at the text where that is encoded
        blocks, texts = with_remembered_texts(blocks)
    driven = type(kind.__name__, (DrivenPipeline, kind), {})
    pipe = driven(blocks=blocks, pretrained_model_name_or_path=str(folder), local_files_only=True)
    loaded = {
        name: _loaded(pipe.get_component_spec(name), folder, parts, dtypes)
        for name in pipe.pretrained_component_names
        if name != _PICTURE_PROCESSOR
    }
    pipe.update_components(**loaded)
    if texts is not None:
        pipe.encode_prompt = lambda **inputs: texts.encode(pipe, inputs)
    _complete(pipe, family)
    return pipe


def used_folders(family: Family, parts: Mapping[str, ModelPart], *, has_autoencoder: bool) -> frozenset[str]:
    """Return the sub-folders of the parts that a pipeline loads."""
    _, blocks = _used_blocks(family, parts, has_autoencoder=has_autoencoder)
    return frozenset(_place(name, parts) for name in blocks.component_names)


def has_autoencoder(folder: Path, parts: Mapping[str, ModelPart]) -> bool:
    """Return whether the folder has an autoencoder of frames."""
    return (folder / _place("vae", parts)).is_dir()


def _used_blocks(family: Family, parts: Mapping[str, ModelPart], *, has_autoencoder: bool) -> tuple[Any, Any]:
    """Return the class of a pipeline, and those of its blocks that a call runs."""
    kind = getattr(_library, family.pipeline)
    blocks = deepcopy(
        getattr(_library, kind.default_blocks_name)()
    )  # some classes share the instances of theirs
    if has_autoencoder:
        _decode_by_convolutions(blocks)
    needed = {taken.parameter for taken in family.inputs.values() if not taken.optional}
    triggers = dict.fromkeys({"prompt", family.frames_parameter, *needed}, True)
    return kind, blocks.get_execution_blocks(**triggers)


def _place(name: str, parts: Mapping[str, ModelPart]) -> str:
    """Return the sub-folder of a part."""
    return parts[name].subfolder if name in parts else name


def _decode_by_convolutions(blocks: Any) -> None:
    """Let an LTX-2.5 decode with its autoencoder instead of its diffusion decoder (decision 87)."""
    for name, block in blocks.sub_blocks.items():
        if "diffusion_decoder" in block.component_names:
            blocks.sub_blocks[name] = _ltx2.LTX2AutoDecoderStep()


def _loaded(
    spec: Any,
    folder: Path,
    parts: Mapping[str, ModelPart],
    dtypes: torch.dtype | dict[str, torch.dtype],
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
    if _PICTURE_PROCESSOR in pipe.pretrained_component_names:
        pipe.processor = TextTokenTypes()
    if (
        family.guidance is GuidanceKind.NONE
    ):  # a guider of the text blocks may be in the place of that of the class
        for name in GUIDERS:
            guider = getattr(pipe, name, None)
            if guider is not None:
                setattr(pipe, name, guider.new(guidance_scale=1.0))
    if family.pipeline in _AREA_CLASSES:
        pipe.height_margin = 1e-6
    if family.step_reports is StepReports.CALLBACK:
        pipe.report_steps()
