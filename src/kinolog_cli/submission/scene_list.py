"""The scenes of a video in JSON: `kinolog generate --scenes`, and lines of `--file`."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_cli.submission.text_file import text_of
from kinolog_client import VideoScene

_FIELDS = tuple(field.name for field in fields(VideoScene))
_EXAMPLE = '[{"prompt": "a star rises", "duration": 2}, {"prompt": "a ring falls", "duration": 3}]'


def scenes_of(value: object) -> list[VideoScene]:
    """Return the scenes in a JSON value. Raises `ValueError` that names the first scene that is none, from 1."""
    if not isinstance(value, list):
        raise ValueError(f"has scenes that are not a list such as {_EXAMPLE}")
    return [_scene(number, item) for number, item in enumerate(value, 1)]


def _scene(number: int, item: object) -> VideoScene:
    if not isinstance(item, dict):
        raise ValueError(f'scene {number} is not a JSON object such as {{"prompt": "a star rises"}}')
    unknown = sorted(set(item) - set(_FIELDS))
    if unknown:
        raise ValueError(
            f"scene {number} has unknown fields: {', '.join(unknown)}; a scene has {', '.join(_FIELDS)}"
        )
    if "prompt" not in item:
        raise ValueError(f"scene {number} has no prompt")
    return VideoScene(**item)


def scene_file(path: Path) -> list[VideoScene]:
    """Return the scenes of a JSON file, `-` for standard input. Raises `CommandFailed`."""
    try:
        return scenes_of(json.loads(text_of(path)))
    except json.JSONDecodeError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path} is not JSON: {error}") from error
    except ValueError as error:
        raise CommandFailed(ExitCode.USAGE, f"{path}: {error}") from error
