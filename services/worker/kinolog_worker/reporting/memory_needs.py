"""What the models of a worker need at least of its GPU, from the headers of their weight files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from kinolog.models.catalogue import ModelEntry, with_family
from kinolog.models.memory.needs import folder_memory
from kinolog.models.memory.placement import AUTO, stated_placement
from kinolog.models.memory.weights import WeightsUnreadable
from kinolog.models.model_folder import hub_model, local_folder
from kinolog.models.renderers import DEFAULT_RENDERER, EMBEDDED
from kinolog.ports.workers import MemoryNeed
from kinolog_worker.reporting.worker_status import WorkerStatus

logger = logging.getLogger(__name__)

_WEIGHT_BYTES = {"float32": 4}
"""Bytes of a weight by the option `dtype`, where they are not two."""


def memory_needs(entries: Iterable[ModelEntry]) -> Mapping[str, MemoryNeed]:
    """Return the needs of models by name. One whose folder is not here, or cannot be read, is left out.

    So are modular pipelines: only diffusers knows which parts of their folders are loaded.
    """
    needs = {}
    for entry in entries:
        folder, family = local_folder(entry), entry.family
        if entry.renderer != DEFAULT_RENDERER or entry.source == EMBEDDED or family is None or family.modular:
            continue
        if folder is None:
            logger.info("the memory of %s is not known: it is not on this machine", entry.name)
            continue
        weights = stated_placement(str(entry.options.get("placement", AUTO)))
        try:
            memory = folder_memory(
                folder,
                family,
                weight_bytes=_WEIGHT_BYTES.get(str(entry.options.get("dtype", "")), 2),
                vae_dtype=str(entry.options.get("vae_dtype", "")),
                denoiser=Path(entry.source) if entry.base else None,
            )
        except (WeightsUnreadable, OSError) as error:
            logger.info("the memory of %s is not known: %s", entry.name, type(error).__name__)
            continue
        least_bytes, bytes_per_pixel = memory.least_bytes(weights)
        needs[entry.name] = MemoryNeed(least_bytes=least_bytes, bytes_per_pixel=bytes_per_pixel)
    return MappingProxyType(needs)


async def note_memory_need(status: WorkerStatus, entry: ModelEntry) -> None:
    """Report the need of a model that was not on this machine as the worker started, and is now."""
    if entry.name not in status.memory_needs and hub_model(entry) is not None:
        found = await asyncio.to_thread(_need_now, entry)
        status.add_memory_needs(found)


def _need_now(entry: ModelEntry) -> Mapping[str, MemoryNeed]:
    return memory_needs([with_family(entry)])
