"""Commands whose modules are imported when they are first used, so that `kinolog --version` imports none."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.main import get_command


class LazyCommands(UserDict[str, Any]):
    """Commands by name, made of `module:name` of a function or of a `typer.Typer` with subcommands."""

    def __getitem__(self, name: str) -> Any:
        """Import a command. Raises `KeyError` for an unknown name."""
        module, _, attribute = self.data[name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name)(found)
        return get_command(alone)
