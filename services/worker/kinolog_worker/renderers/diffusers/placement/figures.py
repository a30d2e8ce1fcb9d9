"""The memory of a device and of its host."""

from __future__ import annotations

from pathlib import Path

import torch

from kinolog.models.memory.planner import MemoryFigures

_MACHINE = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


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


def host_free_bytes(machine: Path = _MACHINE, group: Path = _GROUP) -> int:
    """Return the free bytes of host memory: of the machine, or of the control group if it has a limit; 0 if unknown."""
    free = 0
    try:
        lines = dict(line.split(":", 1) for line in machine.read_text().splitlines() if ":" in line)
        free = int(lines["MemAvailable"].split()[0]) << 10
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            used = int((group / "memory.current").read_text()) - int(statistics.get("inactive_file", 0))
            free = min(free, max(0, int(limit) - used))
    except (OSError, ValueError, LookupError):
        pass
    return free
