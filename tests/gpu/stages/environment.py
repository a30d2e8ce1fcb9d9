"""Stage: the card, the versions of its software, and the rates that bound every other figure."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from kinolog_worker.renderers.registry import renderer_named

from kinolog.models.renderers import DEFAULT_RENDERER
from tests.gpu.context import StageContext
from tests.gpu.stages.figures import GIB, timed

HEADS, HEAD_WIDTH = 12, 128
_cudnn: Any = torch.backends.cudnn  # untyped in part
_PACKAGES = ("diffusers", "transformers", "accelerate", "safetensors", "av", "numpy", "triton", "ftfy")


def run(context: StageContext) -> None:
    """Record the machine. Raises what the import of the renderer raises, which the other stages would raise too."""
    loaded = renderer_named(DEFAULT_RENDERER)
    context.record("renderer", kind=type(loaded).__name__)
    context.attempt("machine", _machine)
    context.attempt("versions", _versions)
    if context.on_gpu:
        context.attempt("device", _device)
    context.attempt("matrix product", lambda: _matrix_product(context), seconds=2)
    context.attempt("attention", lambda: _attention(context), seconds=2)
    context.attempt("copy", lambda: _copy(context), seconds=2)


def _machine() -> Mapping[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _versions() -> Mapping[str, Any]:
    return {"torch": torch.__version__, **{name: _version(name) for name in _PACKAGES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _device() -> Mapping[str, Any]:
    facts = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info()
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    driver = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "card": facts.name,
        "capability": f"{facts.major}.{facts.minor}",
        "multiprocessors": facts.multi_processor_count,
        "total_gib": round(total / GIB, 2),
        "free_gib": round(free / GIB, 2),
        "driver": driver,
        "cuda": torch.version.cuda,
        "cudnn": _cudnn.version(),
        "bfloat16": torch.cuda.is_bf16_supported(),
    }


def _matrix_product(context: StageContext) -> Mapping[str, Any]:
    """Return the rate of a bfloat16 product of square matrices."""
    side, products = (256, 2) if context.tiny else (8192, 10)
    left, right = (torch.randn(side, side, device=context.device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        left @ right
    _, seconds = timed(context.device, lambda: [left @ right for _ in range(products)])
    return {"side": side, "bfloat16_tflops": round(2 * side**3 * products / seconds / 1e12, 1)}


@torch.no_grad()
def _attention(context: StageContext) -> Mapping[str, Any]:
    """Return the rate of attention in bfloat16 over the tokens of a clip of Wan 2.1 1.3B, as PyTorch chooses it."""
    tokens, rounds = (256, 1) if context.tiny else (32_760, 5)
    shape = (1, HEADS, tokens, HEAD_WIDTH)
    query, key, value = (torch.randn(shape, device=context.device, dtype=torch.bfloat16) for _ in range(3))
    attention = partial(torch.nn.functional.scaled_dot_product_attention, query, key, value)
    attention()
    _, seconds = timed(context.device, lambda: [attention() for _ in range(rounds)])
    operations = 4 * tokens**2 * HEADS * HEAD_WIDTH * rounds
    return {
        "tokens": tokens,
        "seconds": round(seconds / rounds, 5),
        "bfloat16_tflops": round(operations / seconds / 1e12, 1),
    }


def _copy(context: StageContext) -> Mapping[str, Any]:
    """Return the rates of copies on the device, and from pinned memory to it, in GB/s."""
    size = 1 << (20 if context.tiny else 30)
    source = torch.empty(size, dtype=torch.uint8, device=context.device)
    target = torch.empty_like(source)
    target.copy_(source)
    _, seconds = timed(context.device, lambda: target.copy_(source))
    figures = {"on_device_gb_per_s": round(2 * size / seconds / 1e9, 1)}
    if context.on_gpu:
        host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        target.copy_(host)
        _, seconds = timed(context.device, lambda: target.copy_(host))
        figures["from_host_gb_per_s"] = round(size / seconds / 1e9, 1)
    return figures
