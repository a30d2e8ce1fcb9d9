"""The well-known models: entries that need not be written, in `known.toml` beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

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
    """Return a table of a catalogue with what its well-known model states and it does not. Raises KeyError."""
    stated = dict(table)
    name = stated.pop("known", None)
    if name is None:
        return stated
    known = known_models()[name]
    nested = {key: {**known.get(key, {}), **stated.get(key, {})} for key in _NESTED}
    return {**known, **stated, **nested}
