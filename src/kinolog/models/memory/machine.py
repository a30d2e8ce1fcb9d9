"""Memory of this machine and its first GPU, without torch."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kinolog.models.memory.planner import MemoryFigures

QUERY_SECONDS = 5.0
"""Time limit of a query with nvidia-smi."""

_MACHINE = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
_QUERY = ("nvidia-smi", "--query-gpu=memory.free,memory.total", "--format=csv,noheader,nounits", "--id=0")


def machine_figures() -> MemoryFigures | None:
    """Return the memory of the first GPU and of the host; None without a GPU that nvidia-smi knows."""
    try:
        answer = subprocess.run(  # a fixed command
            _QUERY, capture_output=True, text=True, timeout=QUERY_SECONDS, check=True
        )
        free, total = (int(mebibytes) << 20 for mebibytes in answer.stdout.split(","))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return MemoryFigures(total=total, free=free, host_free=host_free_bytes())


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
