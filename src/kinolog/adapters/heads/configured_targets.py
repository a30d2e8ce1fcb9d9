"""The places of the setting KINOLOG_TREE_HEADS_TO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kinolog.adapters.heads.file_heads import FileHeads
from kinolog.adapters.heads.posted_heads import PostedHeads
from kinolog.adapters.heads.timestamped_heads import TimestampedHeads
from kinolog.adapters.jetstream.log.head_subject import SubjectHeads
from kinolog.adapters.obstore.head_objects import ObjectHeads
from kinolog.ports.tree.head_target import HeadTarget


class TargetUnusable(ValueError):
    """A place of the setting cannot be used. The message names the setting and the reason."""


def configured_targets(places: Sequence[str]) -> list[HeadTarget]:
    """Return the places. Nothing is connected yet. Raises `TargetUnusable`."""
    targets = list[HeadTarget]()
    for place in places:
        try:
            targets.append(_target(place))
        except ValueError as error:
            raise TargetUnusable(f"KINOLOG_TREE_HEADS_TO: {error}") from error
    names = [target.name for target in targets]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise TargetUnusable(f"KINOLOG_TREE_HEADS_TO: {twice} is there twice")
    return targets


def _target(place: str) -> HeadTarget:
    scheme = urlsplit(place).scheme
    match scheme:
        case "":
            return FileHeads(Path(place).expanduser())
        case "http" | "https":
            return PostedHeads(place)
        case "tsa+http" | "tsa+https":
            return TimestampedHeads(place.removeprefix("tsa+"))
        case "nats" | "tls":
            return SubjectHeads(place)
        case "file" | "s3" | "s3a" | "gs" | "az" | "memory":
            return ObjectHeads(place)
        case _:
            raise ValueError(
                f"{scheme}:// is no place for heads; use a file, file://, s3://, gs://, az://, nats://, https:// or "
                "tsa+https://"
            )
