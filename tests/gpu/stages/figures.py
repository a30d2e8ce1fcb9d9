"""Measures of a device: seconds, memory, and how far two results are apart."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

import torch

Value = TypeVar("Value")
GIB = 1 << 30


def synchronize(device: str) -> None:
    """Wait until the device has done what was queued."""
    if device != "cpu":
        torch.cuda.synchronize()


def timed(device: str, work: Callable[[], Value]) -> tuple[Value, float]:
    """Do the work. Return its value and the seconds until the device was done."""
    synchronize(device)
    started = time.perf_counter()
    value = work()
    synchronize(device)
    return value, time.perf_counter() - started


def forget_peak(device: str) -> None:
    """Give cached memory back and measure the peak from here on."""
    if device != "cpu":
        torch.cuda.synchronize()  # which initializes CUDA: without it there are no peaks to forget
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str) -> dict[str, float]:
    """Return the peak of allocated and reserved memory of this process, in GiB; nothing on a CPU."""
    if device == "cpu":
        return {}
    return {
        "peak_allocated_gib": round(torch.cuda.max_memory_allocated() / GIB, 2),
        "peak_reserved_gib": round(torch.cuda.max_memory_reserved() / GIB, 2),
    }


def psnr(ours: torch.Tensor, reference: torch.Tensor, span: float) -> float | None:
    """Return the peak signal-to-noise ratio in dB, for values that span `span`. None if both are equal."""
    error = torch.mean((ours.float() - reference.float()) ** 2).item()
    return None if error == 0.0 else round(10 * math.log10(span * span / error), 2)


def latent_difference(ours: torch.Tensor, reference: torch.Tensor) -> dict[str, float | bool | None]:
    """Return how far latents are from the reference: the largest difference, and the PSNR over its span."""
    return {
        "finite": bool(torch.isfinite(ours).all()),
        "largest_difference": round((ours.float() - reference.float()).abs().max().item(), 6),
        "psnr_db": psnr(ours, reference, (reference.max() - reference.min()).item()),
    }
