"""Memory of the device that a worker uses, and how much it works."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import NamedTuple

_GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

QUERY_SECONDS = 5.0
"""Time limit of a query with nvidia-smi."""


class DeviceState(NamedTuple):
    """Memory of a device in bytes, and the part of the last second in which it worked; None if it does not tell."""

    used_bytes: int = 0
    total_bytes: int = 0
    use: float | None = None


async def device_state(device: str, pid: int | None) -> DeviceState:
    """Return the state of a device; zeros if it cannot be read.

    Of a GPU, the whole device is counted, as nvidia-smi reports it. Of a CPU, the resident memory of the inference
    process `pid` is counted against the memory of the machine.
    """
    if device.startswith("cuda"):
        return await _gpu_state(device)
    return DeviceState(_resident_bytes(pid), machine_bytes())


async def _gpu_state(device: str) -> DeviceState:
    index = device.partition(":")[2] or "0"
    query = (
        "--query-gpu=memory.used,memory.total,utilization.gpu",
        "--format=csv,noheader,nounits",
        f"--id={index}",
    )
    try:
        process = await asyncio.create_subprocess_exec(
            "nvidia-smi", *query, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return DeviceState()
    try:
        async with asyncio.timeout(QUERY_SECONDS):
            output, _ = await process.communicate()
        return gpu_state_of(output.decode())
    except (TimeoutError, ValueError):
        if process.returncode is None:
            process.kill()
            with contextlib.suppress(TimeoutError):  # a driver that hangs holds even a killed process
                async with asyncio.timeout(QUERY_SECONDS):
                    await process.wait()
        return DeviceState()


def gpu_state_of(line: str) -> DeviceState:
    """Return what a line of nvidia-smi states. A part of a GPU (MIG) does not tell how much it works.

    Raises ValueError.
    """
    used, total, percent = (part.strip() for part in line.split(","))
    use = int(percent) / 100 if percent.isdigit() else None
    return DeviceState(int(used) << 20, int(total) << 20, use)


def _resident_bytes(pid: int | None) -> int:
    if pid is None:
        return 0
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine_bytes(group_limit: Path = _GROUP_LIMIT) -> int:
    """Return the memory of this machine, or of the control group if it has a limit; 0 if unknown."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
    with contextlib.suppress(OSError, ValueError):  # there is no limit, or it is "max"
        total = min(total, int(group_limit.read_text()))
    return total
