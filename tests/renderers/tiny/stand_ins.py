"""Stands in for the packages of Cosmos, which are too large for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import from_numpy
from torch.nn.functional import interpolate

from tests.renderers.guardrail import cosmos_guardrail

_PIPELINES = (
    "cosmos_text2world",
    "cosmos_video2world",
    "cosmos2_video2world",
    "cosmos2_5_predict",
    "cosmos2_5_transfer",
    "cosmos3_omni",
)


@contextmanager
def packages_of_cosmos() -> Iterator[list[str]]:
    """Let the pipelines of Cosmos find a guardrail and what they take from torchvision.

    Yields what the guardrail has checked, in order: `text` or `video`.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in _PIPELINES:
            module = import_module(f"diffusers.pipelines.cosmos.pipeline_{name}")
            patch.setattr(module, "CosmosSafetyChecker", cosmos_guardrail.CosmosSafetyChecker, raising=False)
        modular = import_module("diffusers.modular_pipelines.cosmos.modular_pipeline")
        patch.setattr(modular, "CosmosSafetyChecker", cosmos_guardrail.CosmosSafetyChecker)
        transforms = _transforms()
        for name in ("transformers.transformer_cosmos", "controlnets.controlnet_cosmos"):
            networks = import_module(f"diffusers.models.{name}")
            patch.setattr(networks, "transforms", transforms, raising=False)
        predict = import_module("diffusers.pipelines.cosmos.pipeline_cosmos2_5_predict")
        patch.setattr(predict, "torchvision", SimpleNamespace(transforms=transforms), raising=False)
        patch.setattr("kinolog_worker.renderers.diffusers.model_folder.find_spec", lambda name: name)
        cosmos_guardrail.checked.clear()
        yield cosmos_guardrail.checked


@contextmanager
def without_compiling() -> Iterator[None]:
    """Let Wan Animate 2 compute the mask of its attention as it is: compiling that takes a minute and a C compiler."""
    module = import_module("diffusers.models.transformers.transformer_wan_animate_2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "create_block_mask", partial(_uncompiled, module.create_block_mask))
        yield


def _uncompiled(create: Any, *arguments: Any, _compile: bool = False, **named: Any) -> Any:
    return create(*arguments, **named)


def _transforms() -> Any:
    """Return the two functions of `torchvision.transforms` that Cosmos calls."""

    def resize(mask: Any, size: list[int], interpolation: str) -> Any:
        return interpolate(mask, size, mode=interpolation)

    def to_tensor(picture: Any) -> Any:
        return from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255

    return SimpleNamespace(
        functional=SimpleNamespace(resize=resize, to_tensor=to_tensor),
        InterpolationMode=SimpleNamespace(NEAREST="nearest"),
    )
