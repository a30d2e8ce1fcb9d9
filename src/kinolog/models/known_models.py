"""The well-known models: entries that need not be written, in `known.toml` beside this module."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kinolog.models.hub.hub_model import is_hub_name
from kinolog.models.hub.needed_files import is_weight_file

TABLE = Path(__file__).with_name("known.toml")
_NESTED = ("defaults", "options")


@cache
def known_models() -> Mapping[str, Mapping[str, Any]]:
    """Return the entries as the table states them, by name."""
    tables = tomllib.loads(TABLE.read_text(encoding="utf-8"))["models"]
    return {table["name"]: table for table in tables}


def known_table(source: str) -> Mapping[str, Any] | None:
    """Return the entry with this name, or of the hub's model with this name; None if there is none."""
    known = known_models()
    return known.get(source) or next(
        (table for table in known.values() if table["source"].lower() == source.lower()), None
    )


def with_known(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of a catalogue with what its well-known model states and it does not.

    Raises KeyError for a model that is not well known.
    """
    stated = dict(table)
    name = stated.pop("known", None)
    if name is None:
        return stated
    if not isinstance(name, str):
        raise KeyError(name)
    known = dict(known_models()[name])
    if is_weight_file(str(stated.get("source", ""))):
        stated = {"base": known["source"], **stated}
    elif "source" in stated:
        known.pop("revision", None)  # a commit of the source that is replaced
    for key in _NESTED:
        own = stated.get(key, {})
        stated[key] = {**known.get(key, {}), **own} if isinstance(own, dict) else own
    return {**known, **stated}


def name_of_source(source: str) -> str:
    """Return the name of an entry that states nothing but its source: the last part of it, as names may be."""
    last = source.rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-.").lstrip("-._")[:200] or "model"


def table_of_source(source: str) -> dict[str, Any]:
    """Return the entry of KINOLOG_MODEL: a well-known model by either of its names, a hub name, or a folder.

    Whoever names a model of the hub there allows its download. Raises ValueError for a name that is neither.
    """
    known = known_table(source)
    if known is None and "/" not in source and not Path(source).exists():
        names = ", ".join(known_models())
        raise ValueError(
            f"there is no folder {source}; write owner/name for a model of the hub, or one of {names}"
        )
    name = name_of_source(source)
    table: dict[str, Any] = {"name": name, "description": f"A pipeline from {source}.", "source": source}
    table = {**table, **(known or {}), "name": name}
    if is_hub_name(table["source"]):
        table["options"] = {**table.get("options", {}), "allow_download": True}
    return table
