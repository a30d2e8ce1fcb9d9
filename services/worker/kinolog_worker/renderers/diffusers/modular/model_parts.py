"""The parts that the index of a modular pipeline names, and whether they may be loaded. No torch here.

The index says of each part which class it has and where it comes from, such as a repository of the hub. kinolog takes
each from the folder itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kinolog_worker.renderers.renderer import RenderFailed

MODULAR_INDEX = "modular_model_index.json"
MODULAR_CODE = "modular_config.json"
"""The file in which a folder names code of its own for the blocks of a pipeline."""

_KEYS = {"pretrained_model_name_or_path", "repo", "revision", "subfolder", "type_hint", "variant"}
_VARIANT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One part: the folder of its files within the model folder, and the variant in the names of its weights."""

    library: str
    kind: str
    subfolder: str
    variant: str | None


def model_parts(index: Mapping[str, Any]) -> dict[str, ModelPart]:
    """Return the parts of a modular index that have a class, by name.

    Raises RenderFailed for a part outside the folder, or whose class or place the index does not state as it should.
    """
    return {
        name: _part(name, value[2])
        for name, value in index.items()
        if isinstance(value, list) and len(value) == 3 and isinstance(value[2], dict) and _has_class(value[2])
    }


def _has_class(stated: Mapping[str, Any]) -> bool:
    return stated.get("type_hint") != [None, None]


def _part(name: str, stated: Mapping[str, Any]) -> ModelPart:
    hint = stated.get("type_hint")
    if not isinstance(hint, list) or len(hint) != 2 or not all(isinstance(text, str) for text in hint):
        raise _damaged(f"{name} has no type_hint of a library and a class")
    if unknown := sorted(set(stated) - _KEYS):
        raise _damaged(f"{name} has the unknown key {unknown[0]}")
    subfolder = stated.get("subfolder", name)
    if not isinstance(subfolder, str) or not _is_inside(subfolder):
        raise RenderFailed(
            "MODEL_UNSAFE", f"the subfolder of component {name} is outside the model folder", retryable=False
        )
    variant = stated.get("variant")
    if variant is not None and not (isinstance(variant, str) and _VARIANT.fullmatch(variant)):
        raise _damaged(f"{name} has a variant that is no word")
    return ModelPart(hint[0], hint[1], subfolder, variant)


def _is_inside(subfolder: str) -> bool:
    path = PurePosixPath(subfolder)
    return (
        not path.is_absolute() and ".." not in path.parts and "\\" not in subfolder and ":" not in subfolder
    )


def _damaged(problem: str) -> RenderFailed:
    return RenderFailed("MODEL_DAMAGED", f"{MODULAR_INDEX}: {problem}", retryable=False)
