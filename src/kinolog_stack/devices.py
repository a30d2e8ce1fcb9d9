"""Which devices this machine has for inference, found without loading torch."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")


def found_devices() -> list[str]:
    """Torch names of the devices, one worker each: the GPUs, or the CPU where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        count = len([part for part in visible.split(",") if part.strip() not in ("", "-1")])
    else:
        count = len(list(NVIDIA_DEVICES.iterdir())) if NVIDIA_DEVICES.is_dir() else 0
    if count:
        return [f"cuda:{number}" for number in range(count)]
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return ["mps"]
    return ["cpu"]


def devices_of_workers(workers: int | None, devices: list[str]) -> list[str]:
    """The device of each worker: as many as asked for, in turn over `devices` or over those found."""
    names = devices or found_devices()
    return [names[number % len(names)] for number in range(len(names) if workers is None else workers)]
