"""The file of a catalogue: its tables, and entries made of them with errors that name the place."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

EntryT = TypeVar("EntryT", bound=BaseModel)


class CatalogueError(ValueError):
    """The catalogue is invalid. The message names the entry and the setting, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueTables:
    """The tables of a file, unchecked, and the name of its default model if it states one."""

    models: list[Any]
    loras: list[Any]
    upscalers: list[Any]
    default: str | None


def read_tables(path: Path) -> CatalogueTables:
    """Return the tables of a TOML file. Raises `CatalogueError`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueError(f"cannot read the catalogue {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"the catalogue {path} is not TOML: {error}") from error
    unknown = set(document) - {"models", "default", "loras", "upscalers"}
    if unknown:
        raise CatalogueError(
            f"{path}: unknown keys {sorted(unknown)}; "
            "the catalogue has `default`, `[[models]]`, `[[loras]]` and `[[upscalers]]`"
        )
    models, default = document.get("models", []), document.get("default")
    loras, upscalers = document.get("loras", []), document.get("upscalers", [])
    if not isinstance(models, list) or not isinstance(default, str | None):
        raise CatalogueError(f"{path}: `models` must be tables, written as [[models]], and `default` a name")
    if not isinstance(loras, list):
        raise CatalogueError(f"{path}: `loras` must be tables, written as [[loras]]")
    if not isinstance(upscalers, list):
        raise CatalogueError(f"{path}: `upscalers` must be tables, written as [[upscalers]]")
    return CatalogueTables(models=models, loras=loras, upscalers=upscalers, default=default)


def entry_of(kind: type[EntryT], table: object, place: str) -> EntryT:
    """Return the entry that a table states at this place of the file. Raises `CatalogueError`."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "entry"
        raise CatalogueError(f"{place}: {where}: {first['msg'].removeprefix('Value error, ')}") from error


def named_entries(kind: type[EntryT], tables: list[Any], place: str) -> list[EntryT]:
    """Return the entries that tables at this place of the file state, each with a name of its own.

    Raises `CatalogueError`.
    """
    entries = [entry_of(kind, table, f"{place} {number}") for number, table in enumerate(tables, 1)]
    for name, count in Counter(str(getattr(entry, "name", "")) for entry in entries).items():
        if count > 1:
            raise CatalogueError(f"{place} {name}: there are {count} of this name; give each its own")
    return entries
