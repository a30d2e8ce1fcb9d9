"""From an entry of the catalogue to the source that a renderer loads."""

from __future__ import annotations

from pathlib import Path

from kinolog.catalogue import ModelEntry
from kinolog_worker.renderer import ModelSource


def source_of(entry: ModelEntry, cache_folder: Path | None = None) -> ModelSource:
    """The model's source; `cache_folder` is where built and downloaded models are kept.

    Of the entry's options `dtype` (`auto`, `float32`, `bfloat16`, `float16`) and `allow_download` (false) are for
    loading; the others are the renderer's own.
    """
    options = dict(entry.options)
    return ModelSource(
        name=entry.name,
        location=entry.source,
        renderer=entry.renderer,
        revision=entry.revision,
        dtype=str(options.pop("dtype", "auto")),
        cache_folder=cache_folder,
        allow_download=options.pop("allow_download", False) is True,
        options=options,
    )
