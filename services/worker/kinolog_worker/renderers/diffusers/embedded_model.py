"""kinolog-tiny, the embedded model: a folder of weights inside this package."""

from __future__ import annotations

from pathlib import Path

from kinolog_worker.renderers.diffusers.model_folder import INDEX
from kinolog_worker.renderers.renderer import RenderFailed

FOLDER = Path(__file__).parents[2] / "models" / "kinolog-tiny"


def embedded_folder(folder: Path = FOLDER) -> Path:
    """Return the folder of the embedded model. Raises `RenderFailed` if the weights are not installed."""
    if not (folder / INDEX).is_file():
        raise RenderFailed(
            "MODEL_NOT_FOUND",
            f"the weights of the embedded model are missing: {folder} holds no {INDEX}. "
            "Reinstall the kinolog package",
            retryable=False,
        )
    return folder
