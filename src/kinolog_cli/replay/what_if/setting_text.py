"""The text of `--what-if`: settings of the queue and the fleet, separated by commas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kinolog.job.values import Priority
from kinolog.scheduling.lane_choice import WEIGHTS
from kinolog.simulation.queue_settings import QueuePolicy, QueueSettings
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode

TENANT = "tenant:"
MOST_WORKERS = 10_000
KEYS = "workers, policy, speed, weights, preemptions, price, tenant:NAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """One setting to try. `price` is that of a worker for an hour, None if the text names none."""

    text: str
    settings: QueueSettings
    price: float | None = None


@dataclass(slots=True)
class _Parsed:
    values: dict[str, Any] = field(default_factory=dict)
    tenants: dict[str, float] = field(default_factory=dict)
    price: float | None = None


def parse_what_if(text: str) -> WhatIf:
    """Return the setting of a text such as `workers=8,policy=strict,speed=2`. Raises `CommandFailed`."""
    parsed, seen = _Parsed(), set[str]()
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, is_pair, value = (each.strip() for each in part.partition("="))
        if not is_pair or not value:
            raise _wrong(part, "must be NAME=VALUE")
        if name in seen:
            raise _wrong(part, "is there twice")
        seen.add(name)
        _take(parsed, name, value, part)
    if "lane_weights" in parsed.values and parsed.values.get("policy", QueuePolicy.FAIR) != QueuePolicy.FAIR:
        raise _wrong("weights", "have an effect with policy=fair only")
    if parsed.values.get("policy") == QueuePolicy.FIFO and (
        parsed.tenants or parsed.values.get("preemptions")
    ):
        raise _wrong(
            "policy=fifo", "knows no tenants and stops no job: leave out tenant:NAME and preemptions"
        )
    settings = QueueSettings(**parsed.values, tenant_weights=parsed.tenants)
    return WhatIf(text=text.replace(" ", "") or "as recorded", settings=settings, price=parsed.price)


def _take(parsed: _Parsed, name: str, value: str, part: str) -> None:
    if name.startswith(TENANT) and name != TENANT:
        parsed.tenants[name.removeprefix(TENANT)] = _number(value, part)
    elif name == "price":
        parsed.price = _number(value, part, may_be_zero=True)
    elif name in _READERS:
        key, read = _READERS[name]
        parsed.values[key] = read(value, part)
    else:
        raise _wrong(part, f"is no setting; there are {KEYS}")


def _policy(value: str, part: str) -> QueuePolicy:
    try:
        return QueuePolicy(value)
    except ValueError:
        raise _wrong(part, f"must be one of {', '.join(QueuePolicy)}") from None


def _workers(value: str, part: str) -> int:
    return _whole(value, part, 1, MOST_WORKERS)


def _preemptions(value: str, part: str) -> int:
    return _whole(value, part, 0, 100)


def _whole(value: str, part: str, least: int, most: int) -> int:
    if not value.isdecimal() or not value.isascii() or not least <= int(value) <= most:
        raise _wrong(part, f"must be a whole number from {least} to {most}")
    return int(value)


def _number(value: str, part: str, *, may_be_zero: bool = False) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not (0 < number < 1e6 or (may_be_zero and number == 0)):
        raise _wrong(part, "must be a number greater than 0" if not may_be_zero else "must be a number")
    return number


def _weights(value: str, part: str) -> Mapping[str, int]:
    """Return the weights of the lanes, from critical to low: `16:4:2:1`."""
    values = value.split(":")
    if len(values) != len(Priority):
        raise _wrong(part, "must be four whole numbers, for critical:high:medium:low, such as 8:4:2:1")
    numbers = [_whole(each, part, 1, 1_000) for each in values]
    return dict(WEIGHTS) | {
        priority.value: number for priority, number in zip(Priority, numbers, strict=True)
    }


_READERS: Mapping[str, tuple[str, Callable[[str, str], object]]] = {
    "workers": ("workers", _workers),
    "policy": ("policy", _policy),
    "speed": ("speed", _number),
    "weights": ("lane_weights", _weights),
    "preemptions": ("preemptions", _preemptions),
}


def _wrong(part: str, text: str) -> CommandFailed:
    return CommandFailed(ExitCode.USAGE, f"--what-if: {part!r} {text}")
