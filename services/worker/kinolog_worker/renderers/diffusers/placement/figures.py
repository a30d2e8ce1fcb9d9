"""The memory of a device and of its host."""

from __future__ import annotations

import torch

from kinolog.models.memory.machine import host_free_bytes
from kinolog.models.memory.planner import MemoryFigures


def figures_of(device: torch.device) -> MemoryFigures | None:
    """Return the memory of a device. What this process holds of it counts as free.

    None for a CPU and for Apple silicon: device and host share one memory, and there is no other place for weights.
    """
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return MemoryFigures(
        total=total, free=free + torch.cuda.memory_reserved(device), host_free=host_free_bytes()
    )
