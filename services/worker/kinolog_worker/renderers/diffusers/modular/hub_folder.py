"""The folder of a modular pipeline of the hub: on this machine already, or downloaded.

Only the parts that are loaded are downloaded. The library downloads folders with an ordinary index alone.
"""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download

from kinolog.models.families import families
from kinolog_worker.renderers.diffusers.modular.model_parts import MODULAR_CODE, MODULAR_INDEX, model_parts
from kinolog_worker.renderers.diffusers.modular.modular_loader import used_folders

_KINDS = ("jinja", "json", "model", "safetensors", "txt")
"""How the names of files end that parts are loaded from: weights, configuration and tokenizers."""


def hub_folder(name: str, *, revision: str | None, cache_folder: Path | None, allow_download: bool) -> Path:
    """Return the folder of a modular pipeline, with the parts that are loaded, if it is one that kinolog drives.

    Raises OSError and ValueError as the library does, and RenderFailed for an index whose parts are not as they should.
    """
    index = Path(
        hf_hub_download(
            name,
            MODULAR_INDEX,
            revision=revision,
            cache_dir=cache_folder,
            local_files_only=not allow_download,
        )
    )
    stated = json.loads(index.read_text(encoding="utf-8"))
    family = families().get(stated.get("_class_name", "")) if isinstance(stated, dict) else None
    if family is None or family.refusal or not family.modular:
        return index.parent  # the index alone says why it is refused
    parts = model_parts(stated)
    folders = used_folders(family, parts, has_autoencoder="vae" in parts)
    snapshot_download(
        name,
        revision=index.parent.name,
        cache_dir=cache_folder,
        local_files_only=not allow_download,
        allow_patterns=[
            MODULAR_INDEX,
            MODULAR_CODE,
            *(f"{folder}/*.{kind}" for folder in sorted(folders) for kind in _KINDS),
        ],
    )
    return index.parent
