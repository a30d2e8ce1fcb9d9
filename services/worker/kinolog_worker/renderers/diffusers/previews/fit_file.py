"""The file of a fit: in the folder of this user for what can be computed again."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from kinolog_worker.renderers.cache_folder import cache_folder
from kinolog_worker.renderers.diffusers.content_hash import hash_of_file

_AUTOENCODERS = ("vae", "vqvae")
_BLOB = re.compile("[0-9a-f]{64}")
"""The name of a large file in the cache of a hub: its SHA-256."""


def fit_file(folder: Path, pipeline: str) -> Path | None:
    """Return the file of the fit for the autoencoder of a model folder in a pipeline class.

    Models with the same weights there share it. None if the folder has no such weights, or this user no such folder.
    """
    for name in _AUTOENCODERS:
        files = sorted((folder / name).glob("*.safetensors"))
        try:
            hashes = [_hash(file) for file in files]
            if hashes:
                digest = sha256("\0".join([pipeline, *hashes]).encode()).hexdigest()
                return cache_folder() / "previews" / f"{digest}.safetensors"
        except (OSError, RuntimeError):  # weights that cannot be read, or a user without a home
            return None
    return None


def _hash(file: Path) -> str:
    target = file.resolve().name
    return target if _BLOB.fullmatch(target) else hash_of_file(file)
