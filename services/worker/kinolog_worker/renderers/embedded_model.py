"""kinolog-tiny, the embedded model: the trained one that is shipped, or else one built by code.

`python -m kinolog_worker.renderers.embedded_model FOLDER` writes the built one. It is a real WanPipeline of a
few million parameters with a fixed seed, for machines and tests where no trained weights are at hand: it
takes the same way through loading, denoising and decoding, but knows nothing about the world.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import gettempdir, mkdtemp

EMBEDDED = "embedded"
"""The location of a ModelSource that means this model."""

_SHIPPED = Path(__file__).parents[1] / "models" / "kinolog-tiny"
_BUILT_NAME = "kinolog-tiny-built-1"
"""Raise the number whenever the built model changes: folders of the same name hold the same model."""


def embedded_folder(cache_folder: Path | None) -> Path:
    """The model's folder: the shipped one, or one built now, or built before, in `cache_folder`."""
    if (_SHIPPED / "model_index.json").is_file():
        return _SHIPPED
    return built_folder((cache_folder or Path(gettempdir()) / f"kinolog-{os.getuid()}") / _BUILT_NAME)


def built_folder(folder: Path) -> Path:
    """`folder` with the built model in it; it appears complete or not at all, whoever else builds it."""
    if (folder / "model_index.json").is_file():
        return folder
    from tests.renderers.random_weights import build_pipeline

    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build_pipeline(draft)
        try:
            draft.rename(folder)
        except OSError:
            if not (folder / "model_index.json").is_file():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m kinolog_worker.renderers.embedded_model FOLDER")
    print(built_folder(Path(sys.argv[1])))
