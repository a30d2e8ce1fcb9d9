"""The files of an upscaler: where they are, whether they are safe to read, and what identifies them. No torch here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from kinolog.job.values import UsedUpscaler
from kinolog.models.hub.needed_files import CONFIGURATION, UPSCALER_KIND, UPSCALER_WEIGHTS
from kinolog_worker.renderers.renderer import RenderFailed
from kinolog_worker.renderers.upscaler import UpscalerSource


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalerFiles:
    """The folder of an upscaler on this machine. Nothing of it is loaded yet."""

    folder: Path
    used: UsedUpscaler


def upscaler_files(source: UpscalerSource) -> UpscalerFiles:
    """Return the files of an upscaler: its configuration, and its weights in safetensors. Raises RenderFailed."""
    folder = Path(source.location)
    if not folder.is_dir():
        raise failed("UPSCALER_NOT_FOUND", source, f"there is no folder {source.location}")
    try:
        stated = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))
        with (folder / UPSCALER_WEIGHTS).open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        others = f"; weights are read from {UPSCALER_WEIGHTS} alone" if missing == UPSCALER_WEIGHTS else ""
        raise failed("UPSCALER_NOT_FOUND", source, f"{folder} has no {missing}{others}") from error
    except OSError as error:
        problem = f"{folder} cannot be read: {error.strerror or type(error).__name__}"
        raise failed("UPSCALER_NOT_FOUND", source, problem, retryable=True) from error
    except ValueError as error:
        raise failed("UPSCALER_DAMAGED", source, f"{CONFIGURATION} is not JSON") from error
    _check(stated, source)
    if source.sha256 and source.sha256 != sha256:
        problem = f"the SHA-256 of {UPSCALER_WEIGHTS} is {sha256}, and its entry in the catalogue says {source.sha256}"
        raise failed("UPSCALER_CHANGED", source, problem)
    used = UsedUpscaler(name=source.name, scale=source.scale, sha256=sha256, licence=source.licence)
    return UpscalerFiles(folder=folder, used=used)


def failed(code: str, source: UpscalerSource, problem: str, *, retryable: bool = False) -> RenderFailed:
    """Return the error of an upscaler, which names it."""
    return RenderFailed(code, f"upscaler {source.name}: {problem}", retryable=retryable)


def _check(stated: object, source: UpscalerSource) -> None:
    """Raise RenderFailed for a configuration of another kind of model, or with another scale than the entry."""
    values = stated if isinstance(stated, dict) else {}
    if values.get("model_type") != UPSCALER_KIND:
        raise failed(
            "UPSCALER_UNSUPPORTED", source, f"{CONFIGURATION} is not that of a model of {UPSCALER_KIND}"
        )
    scale = values.get("upscale", 2)
    if scale != source.scale:
        problem = f"it enlarges {scale} times, and its entry in the catalogue says {source.scale}"
        raise failed("UPSCALER_UNSUPPORTED", source, problem)
