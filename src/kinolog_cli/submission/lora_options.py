"""The LoRAs and the profile of `kinolog generate`: those of the options, and those of a line of `--file`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, TypeAlias

import typer

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import VideoLora

_FIELDS = tuple(field.name for field in fields(VideoLora))

LoraOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        metavar="NAME[:WEIGHT]",
        help="LoRA that changes the model, see `kinolog models`; repeat it. WEIGHT is -4 to 4.",
    ),
]


ProfileOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--profile", help="exact (default), fast or turbo, as `kinolog models` lists them."),
]


def named_loras(values: Sequence[str] | None) -> list[VideoLora] | None:
    """Return the LoRAs of the options; None without any. Raises `CommandFailed` for a weight that is no number."""
    return [_named(value) for value in values] if values else None


def _named(value: str) -> VideoLora:
    name, colon, weight = value.partition(":")
    try:
        return VideoLora(name, float(weight) if colon else None)
    except ValueError:
        problem = f"--lora {value}: {weight!r} is no number; write it as NAME or NAME:0.8"
        raise CommandFailed(ExitCode.USAGE, problem) from None


def loras_of(value: object) -> list[VideoLora]:
    """Return the LoRAs in a JSON value. Raises `ValueError` that names the first one that is none, from 1."""
    if not isinstance(value, list):
        raise ValueError('has loras that are not a list such as [{"name": "ink", "weight": 0.8}]')
    for number, item in enumerate(value, 1):
        if not isinstance(item, dict) or "name" not in item or not set(item) <= set(_FIELDS):
            raise ValueError(f"LoRA {number} is not a JSON object with name and, if you like, weight")
    return [VideoLora(**item) for item in value]
