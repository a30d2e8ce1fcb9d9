"""Devices of this machine for inference, detected without loading torch."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

NVIDIA_DEVICES = Path("/proc/driver/nvidia/gpus")


GPU_INTERFACES = (NVIDIA_DEVICES, Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
"""What a driver of NVIDIA, of Windows' subsystem for Linux or of AMD makes."""


def gpus_can_be_counted() -> bool:
    """Return whether `detect_devices` knows every GPU: there are none, or NVIDIA's driver lists them."""
    return NVIDIA_DEVICES.is_dir() or not any(path.exists() for path in GPU_INTERFACES)


def detect_devices() -> list[str]:
    """Return the torch names of all GPUs, or of the CPU if there is none."""
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


def assign_devices(workers: int | None, devices: list[str]) -> list[str]:
    """Return the device of each worker: round robin over `devices`, or over the detected ones.

    `workers` None means one worker per device.
    """
    names = devices or detect_devices()
    return [names[number % len(names)] for number in range(len(names) if workers is None else workers)]


def model_memory(device: str, devices: Sequence[str], machine_bytes: int) -> int:
    """Return how much main memory the loaded models of a worker may take, beside the workers on all `devices`.

    It is a part of half the memory. Workers that share a GPU keep one model each: no worker can close those of another.
    """
    if device != "cpu" and devices.count(device) > 1:
        return 0
    return machine_bytes // 2 // len(devices)
