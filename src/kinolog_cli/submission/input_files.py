"""The pictures and clips of `kinolog generate`: files that are uploaded before the video is submitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode
from kinolog_client import KinologClient, VideoInput

_FIELDS = tuple(field.name for field in fields(VideoInput))

ImageOption: TypeAlias = Annotated[
    Path | None, typer.Option("--image", help="Picture that the video begins with.")
]
LastImageOption: TypeAlias = Annotated[
    Path | None, typer.Option("--last-image", help="Picture that the video ends with.")
]
ReferenceOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--reference", help="Picture of what the video shall show; repeat it."),
]
VideoOption: TypeAlias = Annotated[
    Path | None, typer.Option("--video", help="Clip that the video continues or changes.")
]

ControlOption: TypeAlias = Annotated[
    Path | None, typer.Option("--control", help="Clip of outlines, depths or poses that the video follows.")
]
FaceOption: TypeAlias = Annotated[
    Path | None, typer.Option("--face", help="Clip of a face whose expressions the video follows.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFiles:
    """The files of the options, each with its role."""

    image: Path | None = None
    last_image: Path | None = None
    reference: Sequence[Path] = ()
    video: Path | None = None
    control: Path | None = None
    face: Path | None = None

    def uploaded(self, client: KinologClient) -> list[VideoInput] | None:
        """Upload the files. Return what a request names; None without files. Raises `CommandFailed`."""
        named = [
            ("first_frame", self.image),
            ("last_frame", self.last_image),
            *(("reference", path) for path in self.reference),
            ("video", self.video),
            ("control", self.control),
            ("face", self.face),
        ]
        found = [VideoInput(role, _upload(client, path)) for role, path in named if path is not None]
        return found or None


def _upload(client: KinologClient, path: Path) -> str:
    try:
        return client.upload_input(path).upload_id
    except OSError as error:
        raise CommandFailed(ExitCode.USAGE, f"cannot read {path}: {error.strerror}") from error


def inputs_of(value: object) -> list[VideoInput]:
    """Return the inputs in a JSON value. Raises `ValueError` that names the first one that is none, from 1."""
    if not isinstance(value, list):
        raise ValueError('has inputs that are not a list such as [{"role": "first_frame", "upload_id": "…"}]')
    for number, item in enumerate(value, 1):
        if not isinstance(item, dict) or set(item) != set(_FIELDS):
            raise ValueError(f"input {number} is not a JSON object with {' and '.join(_FIELDS)}")
    return [VideoInput(**item) for item in value]
