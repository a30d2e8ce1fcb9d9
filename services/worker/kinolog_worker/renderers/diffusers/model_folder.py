"""Model folders: whether they are safe to load, of which family, and which revision they hold. No torch here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kinolog.models.families import Family, families, refusal_of
from kinolog.models.folder_safety import FolderRefused, check_safety
from kinolog_worker.renderers.diffusers.modular.model_parts import (
    MODULAR_CODE,
    MODULAR_INDEX,
    ModelPart,
    model_parts,
)
from kinolog_worker.renderers.renderer import RenderFailed

INDEX = "model_index.json"
_LIBRARIES = {"diffusers", "transformers"}


def check_folder(folder: Path, pipeline_modules: frozenset[str]) -> None:
    """Raise RenderFailed for a folder that holds no pipeline or could run code when it is loaded.

    `pipeline_modules` are the names of the diffusers modules that hold components of its own pipelines.
    """
    name = index_name(folder)
    try:
        check_safety(folder)
    except FolderRefused as refused:
        raise RenderFailed(refused.code, refused.message, retryable=False) from refused
    index = _index(folder)
    if not isinstance(index.get("_class_name"), str):
        raise RenderFailed("MODEL_UNSAFE", f"{name} names no pipeline class of diffusers", retryable=False)
    for component, (library, _) in _classes(index, name).items():
        if library not in _LIBRARIES and library not in pipeline_modules:
            raise RenderFailed(
                "MODEL_UNSAFE",
                f"component {component} needs the module {library}, which is not loaded",
                retryable=False,
            )
    if name == MODULAR_INDEX and (folder / MODULAR_CODE).exists():
        raise RenderFailed(
            "MODEL_UNSAFE", f"{MODULAR_CODE} names blocks of its own, which are code", retryable=False
        )


def index_name(folder: Path) -> str:
    """Return the name of the index of a folder: an ordinary one, if it has both. Raises RenderFailed for none."""
    for name in (INDEX, MODULAR_INDEX):
        if (folder / name).is_file():
            return name
    raise RenderFailed(
        "MODEL_NOT_FOUND",
        f"{folder} holds no pipeline: {INDEX} is missing, and so is {MODULAR_INDEX}",
        retryable=False,
    )


def family_of(folder: Path) -> Family:
    """Return the family of a checked folder.

    Raises RenderFailed if kinolog does not drive its class, or if a package is missing that the folder needs.
    """
    index, name = _index(folder), index_name(folder)
    pipeline = index["_class_name"]
    if refusal := refusal_of(pipeline):
        raise RenderFailed("MODEL_UNSUPPORTED", refusal, retryable=False)
    family = families()[pipeline]
    if family.modular != (name == MODULAR_INDEX):
        other = INDEX if name == MODULAR_INDEX else MODULAR_INDEX
        raise RenderFailed(
            "MODEL_DAMAGED", f"{name} names {pipeline}, which belongs into {other}", retryable=False
        )
    classes = {kind for _, kind in _classes(index, name).values()}
    for package in family.packages:
        needed = not package.component or package.component in classes
        if needed and find_spec(package.module) is None:
            raise RenderFailed(
                "PACKAGE_MISSING",
                f"{pipeline} needs the package {package.module}; install kinolog[{package.extra}] on this worker",
                retryable=False,
            )
    return family


def network_classes(folder: Path, beginnings: tuple[str, ...]) -> dict[str, str]:
    """Return the classes of components of an ordinary pipeline that are of diffusers and whose names begin so."""
    return {
        name: kind
        for name, (library, kind) in _classes(_index(folder), INDEX).items()
        if library == "diffusers" and name.startswith(beginnings)
    }


def _classes(index: Mapping[str, Any], index_name: str) -> dict[str, tuple[str, str]]:
    """Return the library and the class of each component that an index of this name states."""
    if index_name == MODULAR_INDEX:
        return {name: (part.library, part.kind) for name, part in model_parts(index).items()}
    return {
        name: (value[0], value[-1])
        for name, value in index.items()
        if isinstance(value, list) and value and value[0] is not None
    }


def parts_of(folder: Path) -> dict[str, ModelPart]:
    """Return the parts of the folder of a modular pipeline, by name."""
    return model_parts(_index(folder))


def _index(folder: Path) -> dict[str, Any]:
    """Return the index of a folder. Raises RenderFailed."""
    name = index_name(folder)
    try:
        index = json.loads((folder / name).read_text(encoding="utf-8"))
    except ValueError:
        raise RenderFailed("MODEL_DAMAGED", f"{name} is not JSON", retryable=False) from None
    if not isinstance(index, dict):
        raise RenderFailed("MODEL_UNSAFE", f"{name} names no pipeline class of diffusers", retryable=False)
    return index


def weights_of(folder: Path) -> list[Path]:
    """Return the weight files, sorted."""
    return sorted(folder.rglob("*.safetensors"))
