"""A size from an aspect ratio and a resolution, as other services name them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import log, sqrt
from typing import Any

from kinolog.v1 import job_pb2
from kinolog_gateway.http.problems import HttpProblemError, invalid

SIDE_STEP = 16
"""Sides of models that take any size are multiples of this."""
SAME_RATIO = 0.06
"""How much the logarithms of two ratios may differ: 832x480 counts as 16:9."""

_RATIO = re.compile(r"([1-9]\d?):([1-9]\d?)")
_RESOLUTION = re.compile(r"([1-9]\d{2,3})p", re.IGNORECASE)


def frame_size(fields: dict[str, Any], ratio_name: str, resolution_name: str, model: job_pb2.Model) -> None:
    """Replace an aspect ratio such as 16:9 and a resolution such as 480p in fields by a size of the model.

    Raises `HttpProblemError` if the model has none.
    """
    ratio, resolution = fields.pop(ratio_name, None), fields.pop(resolution_name, None)
    if (ratio is None and resolution is None) or "size" in fields or "width" in fields:
        return
    usual = model.defaults.width, model.defaults.height
    wanted = usual[0] / usual[1] if ratio is None else _number(ratio, ratio_name, _RATIO, "such as 16:9")
    short = (
        None if resolution is None else int(_number(resolution, resolution_name, _RESOLUTION, "such as 480p"))
    )
    if not model.sizes:
        fields["size"] = _computed(usual, wanted, short)
        return
    sizes = [_sides(size) for size in model.sizes]
    fitting = [
        (width, height)
        for width, height in sizes
        if abs(log(width / height / wanted)) <= SAME_RATIO and short in (None, min(width, height))
    ]
    if not fitting:
        raise _no_size(model, ratio_name if ratio is not None else resolution_name)
    area = usual[0] * usual[1]
    width, height = min(fitting, key=lambda size: abs(size[0] * size[1] - area))
    fields["size"] = f"{width}x{height}"


def _number(value: Any, name: str, form: re.Pattern[str], example: str) -> float:
    found = form.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise invalid(name, f"must be {example}")
    parts = [int(part) for part in found.groups()]
    return parts[0] / (parts[1] if len(parts) > 1 else 1)


def _computed(usual: Sequence[int], ratio: float, short: int | None) -> str:
    height = sqrt(usual[0] * usual[1] / ratio) if short is None else short / min(1.0, ratio)
    return f"{_stepped(height * ratio)}x{_stepped(height)}"


def _stepped(side: float) -> int:
    return max(SIDE_STEP, round(side / SIDE_STEP) * SIDE_STEP)


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _no_size(model: job_pb2.Model, name: str) -> HttpProblemError:
    return invalid(name, f"is none of {model.name}, whose sizes are {', '.join(model.sizes)}")
