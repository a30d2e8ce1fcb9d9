"""The denoiser of a pipeline from a single file of weights, as people share them: safetensors or GGUF.

Names of weights may be those of the model's authors: diffusers converts them. The configuration is that of the
pipeline's folder.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

from kinolog.models.families import Family
from kinolog.models.hub.needed_files import DENOISER, GGUF
from kinolog.models.model_index import ORDINARY_INDEX
from kinolog_worker.renderers.renderer import RenderFailed

_library: Any = diffusers  # untyped in part


def single_file_network(folder: Path, family: Family, path: Path, dtype: torch.dtype) -> Any:
    """Return the denoiser of a checked folder with the weights of a file.

    Raises RenderFailed, and what loading weights raises.
    """
    kind = _class_of(folder, family)
    if not path.is_file():
        raise RenderFailed("MODEL_NOT_FOUND", f"there is no file {path}", retryable=False)
    options: dict[str, Any] = {}
    if path.suffix == GGUF:
        if find_spec("gguf") is None:
            raise RenderFailed(
                "PACKAGE_MISSING",
                f"{path.name} needs the package gguf; install kinolog[gguf] on this worker",
                retryable=False,
            )
        options["quantization_config"] = _library.GGUFQuantizationConfig(compute_dtype=dtype)
    lacks = RenderFailed(
        "MODEL_DAMAGED",
        f"{path.name} lacks weights that {kind.__name__} has: it is of another model than the base, or damaged",
        retryable=False,
    )
    try:
        network = kind.from_single_file(
            str(path), config=str(folder), subfolder=DENOISER, dtype=dtype, local_files_only=True, **options
        )
    except NotImplementedError as error:  # a weight without values was converted
        raise lacks from error
    if any(weight.is_meta for weight in network.parameters()):  # quantised weights are not converted
        raise lacks
    return network


def _class_of(folder: Path, family: Family) -> Any:
    """Return the class of the denoiser. Raises RenderFailed for a pipeline whose denoiser no file replaces."""
    index = {} if family.modular else json.loads((folder / ORDINARY_INDEX).read_text(encoding="utf-8"))
    stated = index.get(DENOISER) or [None, ""]
    kind = getattr(_library, str(stated[-1]), None)
    if not SINGLE_FILE_LOADABLE_CLASSES.keys() & {base.__name__ for base in getattr(kind, "__mro__", ())}:
        raise RenderFailed(
            "MODEL_UNSUPPORTED",
            f"{family.pipeline} has no denoiser that diffusers loads from a single file",
            retryable=False,
        )
    return kind
